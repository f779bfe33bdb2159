"""An independent writer of valid and hostile containers, written from docs/format.md alone."""
