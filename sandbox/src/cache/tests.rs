use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn cache(bound_bytes: u64) -> (tempfile::TempDir, Cache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(Some(folder.path().join("cache")), bound_bytes);
    assert!(cache.directory().is_ok(), "{cache:?}");
    (folder, cache)
}

fn made(cache: &Cache, name: &str, bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut fresh = false;
    let key = Key::of(&[name.as_bytes()]);
    let found = cache.get_or_make(&key, &Cancel::never(), || {
        fresh = true;
        Ok::<_, Infallible>((bytes.to_vec(), true))
    });
    (found.unwrap(), fresh)
}

#[test]
fn parts_of_a_key_do_not_run_together() {
    assert_ne!(Key::of(&[b"ab", b"c"]), Key::of(&[b"a", b"bc"]));
    assert_eq!(Key::of(&[b"ab"]).0.len(), 64);
}

#[test]
fn what_was_made_once_is_found_again() {
    let (_folder, cache) = cache(1 << 20);
    assert_eq!(made(&cache, "x", b"one"), (b"one".to_vec(), true));
    assert_eq!(made(&cache, "x", b"two"), (b"one".to_vec(), false));
    assert_eq!(made(&cache, "y", b""), (Vec::new(), true));
    assert_eq!(made(&cache, "y", b"no"), (Vec::new(), false));
}

#[test]
fn what_is_not_to_be_kept_and_what_failed_is_made_again() {
    let (_folder, cache) = cache(1 << 20);
    let key = Key::of(&[b"x"]);
    assert_eq!(cache.get_or_make(&key, &Cancel::never(), || Err(7)), Err(7));
    assert_eq!(
        cache.get_or_make(&key, &Cancel::never(), || Ok::<_, u8>((vec![1], false))),
        Ok(vec![1])
    );
    assert_eq!(
        cache.get_or_make(&key, &Cancel::never(), || Ok::<_, u8>((vec![2], true))),
        Ok(vec![2])
    );
}

#[test]
fn every_flipped_bit_and_every_missing_byte_is_noticed() {
    let (folder, cache) = cache(1 << 20);
    let path = folder.path().join("cache").join(Key::of(&[b"x"]).0);
    made(&cache, "x", b"program");
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut broken = whole.clone();
        broken[at] ^= 0x10;
        fs::write(&path, &broken).unwrap();
        assert_eq!(
            made(&cache, "x", b"program"),
            (b"program".to_vec(), true),
            "byte {at}"
        );
        fs::write(&path, &whole[..at]).unwrap();
        assert_eq!(
            made(&cache, "x", b"program"),
            (b"program".to_vec(), true),
            "length {at}"
        );
    }
    assert_eq!(fs::read(&path).unwrap(), whole);
}

#[test]
fn a_file_that_was_touched_is_made_anew() {
    let (_folder, cache) = cache(1 << 20);
    let key = Key::of(&[b"header"]);
    let count = AtomicUsize::new(0);
    let get = || {
        let path = cache.file_or_make(&key, &Cancel::never(), || {
            count.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Infallible>(Some(b"header".to_vec()))
        });
        path.unwrap().unwrap()
    };
    assert_eq!(get(), get());
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let path = get();
    fs::remove_file(&path).unwrap();
    fs::write(&path, b"HEADER").unwrap();
    assert_eq!(fs::read(get()).unwrap(), b"header");
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[test]
fn the_entry_used_the_longest_ago_goes_first() {
    let (folder, cache) = cache(3000);
    let age = |name: &str, seconds| {
        let path = folder
            .path()
            .join("cache")
            .join(Key::of(&[name.as_bytes()]).0);
        let then = SystemTime::now() - Duration::from_secs(seconds);
        File::open(path).unwrap().set_modified(then).unwrap();
    };
    made(&cache, "old", &[0; 900]);
    made(&cache, "used", &[0; 900]);
    made(&cache, "young", &[0; 900]);
    age("old", 200);
    age("used", 300);
    age("young", 100);
    // A use makes it young again.
    assert!(!made(&cache, "used", b"").1);
    made(&cache, "new", &[0; 900]);
    assert!(!made(&cache, "used", b"").1);
    assert!(!made(&cache, "new", b"").1);
    assert!(made(&cache, "old", &[0; 900]).1);
}

#[test]
fn many_at_once_make_it_once() {
    let (folder, _) = cache(1 << 20);
    let count = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                // Each with a cache of its own, as processes have.
                let cache = Cache::open(Some(folder.path().join("cache")), 1 << 20);
                let bytes = cache.get_or_make(&Key::of(&[b"x"]), &Cancel::never(), || {
                    count.fetch_add(1, Ordering::SeqCst);
                    thread::sleep(Duration::from_millis(50));
                    Ok::<_, Infallible>((b"program".to_vec(), true))
                });
                assert_eq!(bytes.unwrap(), b"program");
            });
        }
    });
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn a_directory_that_others_may_write_to_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let cache = Cache::open(Some(folder.path().to_owned()), 1 << 20);
    assert!(cache.directory().unwrap_err().contains("chmod 700"));
    // It still makes what is asked for.
    assert_eq!(made(&cache, "x", b"one"), (b"one".to_vec(), true));
    assert_eq!(made(&cache, "x", b"one"), (b"one".to_vec(), true));
}

proptest::proptest! {
    #[test]
    fn an_entry_is_read_as_it_was_written_and_nothing_else_is(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
        at in proptest::prelude::any::<proptest::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let whole = entry(&bytes);
        proptest::prop_assert_eq!(content(&whole), Some(&bytes[..]));
        proptest::prop_assert_eq!(content(&bytes), None);
        let mut spoilt = whole.clone();
        spoilt[at.index(whole.len())] ^= 1 << bit;
        proptest::prop_assert_eq!(content(&spoilt), None);
        proptest::prop_assert_eq!(content(&whole[..at.index(whole.len())]), None);
    }
}
