//! The running daemon: alone in knowing all the others.

pub mod load;
