"""Settings of `fit`."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from pipelines.config import JobConfig, Uri

Step = Literal["var10", "pca", "chi2"]
LearnerName = Literal["logistic_regression", "random_forest", "gradient_boosted_trees", "linear_svm"]


class FitConfig(JobConfig):
    """One run of `fit`."""

    dataset: Uri = Field(description="table made by features, of a dataset")
    target: Uri = Field(description="folder of the model bundle; an earlier one is replaced as a whole")
    select: Annotated[
        tuple[Step, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given)
    ] = Field(
        (),
        description="steps before the learner, one or several as in [var10,pca]: var10 drops constant features and "
        "the tenth that varies least; pca projects; chi2 keeps the features that tell most of the class",
    )
    components: float = Field(
        0.95, gt=0, description="of pca: their number, or below 1 the share of variance they keep"
    )
    num_features: int = Field(100, ge=1, description="of chi2: the number of features that it keeps")
    learner: LearnerName = Field("logistic_regression", description="what learns the classes of features")
    library: Literal["mllib", "sklearn"] = Field(
        "mllib", description="Spark's MLlib on the executors; scikit-learn on the driver, for data that fit there"
    )
    regularization: float = Field(0.01, gt=0, description="L2 penalty of logistic_regression and linear_svm")
    max_iterations: int = Field(100, ge=1, description="of logistic_regression and linear_svm")
    num_trees: int = Field(20, ge=1, description="of random_forest, and of gradient_boosted_trees for each class")
    max_depth: int = Field(5, ge=1, le=30, description="of a tree")
    learner_args: dict[str, Any] = Field(
        {}, description="more arguments by the library's own names, as in learner_args.elasticNetParam=0.5"
    )
    trust_code: bool = Field(False, description="run the code of its own that the features' network may bring")
    seed: int = Field(0, description="of the trees")
