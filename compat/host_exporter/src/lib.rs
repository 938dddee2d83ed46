//! Its tests are all there is: see `tests/host.rs`.
