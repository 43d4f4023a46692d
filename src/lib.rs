//! rlef
