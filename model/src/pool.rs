//! Where computing happens: on a thread of the pool that the kernels share their work with.
//!
//! A kernel called from elsewhere hands its work over and waits, two switches of threads for each of some thirty kernels a
//! token; called on the pool it goes on where it is. Knows nothing of what is computed.

/// Does the work on a thread of the pool and waits for it; on such a thread already, right here.
///
/// The work must not wait for other threads that compute: with one core the pool has no second thread for them.
pub fn within<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    rayon::scope(|_| work())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_on_the_pool_and_stays_there() {
        let thread = || (rayon::current_thread_index(), std::thread::current().id());
        assert_eq!(rayon::current_thread_index(), None);
        let (outer, inner) = within(|| (thread(), within(thread)));
        assert!(outer.0.is_some());
        assert_eq!(outer, inner);
    }
}
