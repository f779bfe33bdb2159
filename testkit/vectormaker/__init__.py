"""An independent writer of ovseal containers, good and hostile, made from docs/format.md alone."""
