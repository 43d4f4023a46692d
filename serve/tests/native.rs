//! rlef's own interface, on a machine of straw.

mod episode;
mod guard;
mod judge;
mod served;
