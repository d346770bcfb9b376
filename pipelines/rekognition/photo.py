"""The bytes of the photo that a request means."""

from pipelines import storage
from pipelines.errors import DarkroomError
from pipelines.rekognition.errors import RekognitionError
from pipelines.rekognition.requests import Photo, S3Place

MAX_BYTES = 5 * 2**20  # of a photo in the request, as in Rekognition
MAX_S3_BYTES = 15 * 2**20


def read_photo(photo: Photo) -> bytes:
    """Return the photo's bytes; this may ask S3 and wait.

    Raises:
        RekognitionError: not exactly one of Bytes and S3Object, a photo that is too large, no such object.
    """
    if (photo.Bytes is None) == (photo.S3Object is None):
        raise RekognitionError("InvalidParameterException", "Image must have either Bytes or S3Object")
    if photo.S3Object:
        return _read_s3(photo.S3Object)
    content = photo.Bytes or b""
    _check_size(len(content), MAX_BYTES)
    return content


def _read_s3(place: S3Place) -> bytes:
    if place.Version:
        raise RekognitionError("InvalidParameterException", "S3Object.Version: versions of objects are not read")
    uri = f"s3a://{place.Bucket}/{place.Name}"
    try:
        found = storage.stat(uri)
        if found is None or found.is_dir:
            raise RekognitionError("InvalidS3ObjectException", f"There is no object {place.Name!r} in {place.Bucket!r}")
        _check_size(found.size_bytes, MAX_S3_BYTES)
        return storage.read_bytes(uri)
    except RekognitionError:
        raise
    except (DarkroomError, OSError) as error:
        message = "Unable to get object metadata from S3. Check object key, region and/or access permissions."
        raise RekognitionError("InvalidS3ObjectException", message) from error


def _check_size(num_bytes: int, limit: int) -> None:
    if num_bytes > limit:
        raise RekognitionError("ImageTooLargeException", f"The image has {num_bytes} bytes, the limit is {limit}")
