"""The demo company: two made-up years of work, served over the real tools' APIs."""
