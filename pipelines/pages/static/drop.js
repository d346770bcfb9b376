// A form with class "upload": a file that is chosen, or dropped anywhere on the page, is sent at once.
for (const form of document.querySelectorAll("form.upload")) {
  const input = form.querySelector("input[type=file]");
  const zone = form.querySelector(".drop");
  input.addEventListener("change", () => input.files.length && form.requestSubmit());
  document.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) zone.classList.remove("over"); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    if (!event.dataTransfer.files.length) return;
    const one = new DataTransfer();
    one.items.add(event.dataTransfer.files[0]);
    input.files = one.files;
    form.requestSubmit();
  });
}
