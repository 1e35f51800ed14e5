"""Making what was made or predicted visible: overlays, sheets, videos, the report."""
