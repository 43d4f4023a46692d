use std::os::fd::AsFd;

use proptest::prelude::*;

use super::*;

#[test]
fn replies_are_read_as_the_zygote_packs_them() {
    // struct.pack("<ciQQQQ", b"E", 256, 1, 2, 3, 4)
    let mut message = vec![b'E', 0, 1, 0, 0];
    for number in 1..=4_u64 {
        message.extend(number.to_le_bytes());
    }
    let ended = Reply::Ended {
        wait_status: 256,
        cpu_us: 1,
        memory_bytes: 2,
        wall_us: 3,
        own_cpu_us: 4,
    };
    assert_eq!(Reply::decode(&message).unwrap(), ended);
    assert!(matches!(
        Reply::decode(&message[1..]),
        Err(WireError::Unknown { .. })
    ));
    assert!(matches!(
        Reply::decode(b""),
        Err(WireError::Unknown {
            kind: None,
            length: 0
        })
    ));
}

#[test]
fn a_message_arrives_whole_and_its_absence_is_noticed() {
    let (here, there) = pair().unwrap();
    send(here.as_fd(), b"Y3.11.2", &[]).unwrap();
    assert_eq!(
        receive_within(there.as_fd(), Duration::from_secs(5)).unwrap(),
        b"Y3.11.2"
    );
    assert!(matches!(
        receive_within(there.as_fd(), Duration::from_millis(5)),
        Err(WireError::Late(_))
    ));
    drop(here);
    assert!(matches!(receive(there.as_fd()), Err(WireError::Gone)));
}

/// As the Python side packs it.
fn pack(reply: &Reply) -> Vec<u8> {
    let numbers = |kind: u8, status: Option<i32>, numbers: &[u64]| {
        let mut message = vec![kind];
        message.extend(status.into_iter().flat_map(i32::to_le_bytes));
        message.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        message
    };
    match reply {
        Reply::Ready { version } => [b"Y", version.as_bytes()].concat(),
        Reply::Failed { reason } => [b"X", reason.as_bytes()].concat(),
        Reply::Compiled {
            accepted,
            own_cpu_us,
        } => {
            let mut message = vec![b'C', u8::from(*accepted)];
            message.extend(own_cpu_us.to_le_bytes());
            message
        }
        &Reply::Ended {
            wait_status,
            cpu_us,
            memory_bytes,
            wall_us,
            own_cpu_us,
        } => numbers(
            b'E',
            Some(wait_status),
            &[cpu_us, memory_bytes, wall_us, own_cpu_us],
        ),
        &Reply::Done {
            wait_status,
            cpu_us,
            memory_bytes,
        } => numbers(b'D', Some(wait_status), &[cpu_us, memory_bytes]),
    }
}

fn any_reply() -> impl Strategy<Value = Reply> {
    let numbers = any::<(i32, [u64; 4], bool)>();
    (0..5, numbers, any::<String>()).prop_map(
        |(kind, (wait_status, [a, b, c, d], accepted), text)| match kind {
            0 => Reply::Ready { version: text },
            1 => Reply::Failed { reason: text },
            2 => Reply::Compiled {
                accepted,
                own_cpu_us: a,
            },
            3 => Reply::Ended {
                wait_status,
                cpu_us: a,
                memory_bytes: b,
                wall_us: c,
                own_cpu_us: d,
            },
            _ => Reply::Done {
                wait_status,
                cpu_us: a,
                memory_bytes: b,
            },
        },
    )
}

proptest! {
    #[test]
    fn what_is_packed_is_read_again(reply in any_reply()) {
        prop_assert_eq!(Reply::decode(&pack(&reply)).unwrap(), reply);
    }

    /// What is cut or longer is no other measurement, and what is read packs to what was read.
    #[test]
    fn only_what_was_packed_is_read(reply in any_reply(), cut in any::<prop::sample::Index>(), more in 1..9_usize) {
        let message = pack(&reply);
        let kind = std::mem::discriminant(&reply);
        for other in [&message[..cut.index(message.len())], &[&message[..], &vec![0; more]].concat()] {
            if let Ok(read) = Reply::decode(other) {
                let is_text = matches!(read, Reply::Ready { .. } | Reply::Failed { .. });
                prop_assert!(is_text);
                prop_assert_eq!(std::mem::discriminant(&read), kind);
            }
        }
    }

    #[test]
    fn any_bytes_are_a_reply_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        // Must not panic, and must not take a message of the wrong length for a measurement.
        if let Ok(Reply::Ended { .. }) = Reply::decode(&bytes) {
            prop_assert_eq!(bytes.len(), 37);
        }
    }
}
