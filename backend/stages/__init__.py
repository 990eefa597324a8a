"""The stages of the pipeline: one file, one public function, one settings dataclass each."""
