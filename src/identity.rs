//! Who we are: an Ed25519 key in a file that only we can read.
