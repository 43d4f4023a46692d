//! Order, bound, turns and leaving early.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use super::*;

fn enter(admission: &Admission) -> Permit<'_> {
    admission.enter(&Cancel::never()).unwrap()
}

/// Until so many wait.
fn until_waiting(admission: &Admission, many: usize) {
    while admission.queue().waiting.len() != many {
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn never_more_than_the_permits_run_at_once() {
    let admission = Admission::new(2);
    let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let permit = enter(&admission);
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    thread::yield_now();
                    running.fetch_sub(1, Ordering::SeqCst);
                    drop(permit);
                }
            });
        }
    });
    assert_eq!(most.load(Ordering::SeqCst), 2);
    assert_eq!(admission.queue().free, 2);
}

#[test]
fn first_come_first_served() {
    let admission = Admission::new(1);
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        let first = enter(&admission);
        for number in 0..5 {
            let (admission, sender) = (&admission, sender.clone());
            scope.spawn(move || {
                let permit = enter(admission);
                sender.send(number).unwrap();
                drop(permit);
            });
            until_waiting(admission, number + 1);
        }
        drop(first);
    });
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[test]
fn a_turn_is_spent_only_while_somebody_waits() {
    let admission = Admission::with_turn(1, Duration::ZERO);
    let permit = enter(&admission);
    assert!(!permit.is_spent());
    thread::scope(|scope| {
        let other = scope.spawn(|| drop(enter(&admission)));
        until_waiting(&admission, 1);
        assert!(permit.is_spent());
        drop(permit);
        other.join().unwrap();
    });
    let long = Admission::with_turn(1, Duration::from_hours(1));
    let permit = enter(&long);
    thread::scope(|scope| {
        scope.spawn(|| drop(enter(&long)));
        until_waiting(&long, 1);
        assert!(!permit.is_spent());
        drop(permit);
    });
}

#[test]
fn whoever_is_cancelled_leaves_the_queue_and_keeps_nobody_waiting() {
    let admission = Admission::new(1);
    let cancel = Cancel::new().unwrap();
    let first = enter(&admission);
    thread::scope(|scope| {
        let cancelled: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| admission.enter(&cancel).map(drop)))
            .collect();
        until_waiting(&admission, 3);
        let patient = scope.spawn(|| drop(enter(&admission)));
        until_waiting(&admission, 4);
        cancel.cancel();
        for waiter in cancelled {
            assert!(matches!(
                waiter.join().unwrap(),
                Err(SandboxError::Cancelled)
            ));
        }
        until_waiting(&admission, 1);
        drop(first);
        patient.join().unwrap();
    });
    assert!(admission.enter(&cancel).is_err());
    assert_eq!(admission.queue().free, 1);
}

/// Cancelling and handing on at the same moment: no permit is lost, none is made.
#[test]
fn a_race_between_leave_and_cancellation_loses_no_permit() {
    let admission = Admission::new(1);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let cancel = Cancel::new().unwrap();
                    thread::scope(|scope| {
                        scope.spawn(|| cancel.cancel());
                        if let Ok(permit) = admission.enter(&cancel) {
                            assert_eq!(admission.queue().free, 0);
                            drop(permit);
                        }
                    });
                }
            });
        }
    });
    let queue = admission.queue();
    assert_eq!((queue.free, queue.waiting.len()), (1, 0));
}
