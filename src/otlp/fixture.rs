//! Observations made by hand, and bodies read back, for the tests of both dialects.
