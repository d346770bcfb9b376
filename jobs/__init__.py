"""One verb a file; run by spark-submit or by the `darkroom` command."""
