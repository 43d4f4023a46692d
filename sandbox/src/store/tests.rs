use std::convert::Infallible;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::*;
use crate::cancel::Cancel;

fn store(bytes: u64) -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("own"), bytes, StoreLayout::Flat).unwrap();
    (folder, store)
}

fn key(name: &str) -> StoreKey {
    StoreKey::of(&[name.as_bytes()])
}

fn made(store: &Store, name: &str, bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut fresh = false;
    let found = store.get_or_make(&key(name), &Cancel::never(), || {
        fresh = true;
        Ok::<_, Infallible>((bytes.to_vec(), true))
    });
    (found.unwrap(), fresh)
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn set_age(path: &Path, seconds: u64) {
    let then = SystemTime::now() - Duration::from_secs(seconds);
    File::open(path).unwrap().set_modified(then).unwrap();
}

fn is_untrusted<T: std::fmt::Debug>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Untrusted { .. }))
}

#[test]
fn one_variable_names_the_root_and_the_users_folder_stands_in() {
    let root = |pairs: &[(&str, &str)]| {
        root_by(|name| {
            let found = pairs.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| OsString::from(value))
        })
    };
    let all = [
        ("RLEF_CACHE", "/named"),
        ("XDG_CACHE_HOME", "/xdg"),
        ("HOME", "/home"),
    ];
    assert_eq!(root(&all), Some("/named".into()));
    assert_eq!(root(&all[1..]), Some("/xdg/rlef".into()));
    assert_eq!(root(&all[2..]), Some("/home/.cache/rlef".into()));
    let odd = [("RLEF_CACHE", ""), ("XDG_CACHE_HOME", "here"), all[2]];
    assert_eq!(root(&odd), Some("/home/.cache/rlef".into()));
    assert_eq!(root(&odd[..2]), None);
}

#[test]
fn parts_of_a_key_do_not_run_together() {
    assert_ne!(StoreKey::of(&[b"ab", b"c"]), StoreKey::of(&[b"a", b"bc"]));
    assert_eq!(StoreKey::of(&[b"ab"]).to_string().len(), 64);
}

#[test]
fn what_was_made_once_is_found_again() {
    let (_folder, store) = store(1 << 20);
    assert_eq!(made(&store, "x", b"one"), (b"one".to_vec(), true));
    assert_eq!(made(&store, "x", b"two"), (b"one".to_vec(), false));
    assert_eq!(made(&store, "y", b""), (Vec::new(), true));
    assert_eq!(made(&store, "y", b"no"), (Vec::new(), false));
}

#[test]
fn what_is_not_to_be_kept_and_what_failed_is_made_again() {
    let (_folder, store) = store(1 << 20);
    let never = Cancel::never();
    let get = |made| store.get_or_make(&key("x"), &never, || made);
    assert_eq!(get(Err(7)), Err(7));
    assert_eq!(get(Ok::<_, u8>((vec![1], false))), Ok(vec![1]));
    assert_eq!(get(Ok::<_, u8>((vec![2], true))), Ok(vec![2]));
    assert_eq!(get(Ok::<_, u8>((vec![3], true))), Ok(vec![2]));
}

#[test]
fn every_flipped_bit_and_every_missing_byte_is_noticed() {
    let (_folder, store) = store(1 << 20);
    let path = store.path(&key("x"));
    made(&store, "x", b"program");
    let whole = fs::read(&path).unwrap();
    let again = (b"program".to_vec(), true);
    for at in 0..whole.len() {
        let mut broken = whole.clone();
        broken[at] ^= 0x10;
        fs::write(&path, &broken).unwrap();
        assert_eq!(made(&store, "x", b"program"), again, "byte {at}");
        fs::write(&path, &whole[..at]).unwrap();
        assert_eq!(made(&store, "x", b"program"), again, "length {at}");
    }
    assert_eq!(fs::read(&path).unwrap(), whole);
    fs::write(store.path(&key("y")), &whole).unwrap();
    assert_eq!(store.get(&key("y")).unwrap(), None, "another's name");
}

#[test]
fn a_file_that_was_touched_is_made_anew() {
    let (_folder, store) = store(1 << 20);
    let count = AtomicUsize::new(0);
    let get = || {
        let path = store.file_or_make(&key("header"), &Cancel::never(), || {
            count.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Infallible>(Some(b"header".to_vec()))
        });
        path.unwrap().unwrap()
    };
    assert_eq!(get(), get());
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let path = get();
    assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o444);
    fs::remove_file(&path).unwrap();
    fs::write(&path, b"HEADER").unwrap();
    assert_eq!(fs::read(get()).unwrap(), b"header");
    assert_eq!(count.load(Ordering::SeqCst), 2);
    set_mode(&path, 0o666);
    assert_eq!(get().metadata().unwrap().mode() & 0o777, 0o444);
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

#[test]
fn the_entry_used_the_longest_ago_goes_first() {
    let (_folder, store) = store(3000);
    for (name, seconds) in [("old", 200), ("used", 300), ("young", 100)] {
        made(&store, name, &[0; 900]);
        set_age(&store.path(&key(name)), seconds);
    }
    // A use makes it young again.
    assert!(!made(&store, "used", b"").1);
    made(&store, "new", &[0; 900]);
    assert!(!made(&store, "used", b"").1);
    assert!(!made(&store, "new", b"").1);
    assert!(made(&store, "old", &[0; 900]).1);
}

#[test]
fn files_count_and_are_young_when_they_are_used() {
    let (_folder, store) = store(4000);
    let file = |name: &str| {
        let path = store.file_or_make(&key(name), &Cancel::never(), || {
            Ok::<_, Infallible>(Some(vec![0; 900]))
        });
        path.unwrap().unwrap()
    };
    let (header, other) = (file("header"), file("other"));
    for path in [&header, &other] {
        set_age(&path.with_extension(make::STAMP), 500);
    }
    made(&store, "middle", &[0; 900]);
    set_age(&store.path(&key("middle")), 300);
    file("header");
    store.put_file(&key("module"), &[0; 900]).unwrap();
    store.put_file(&key("module"), &[0; 901]).unwrap();
    made(&store, "new", &[0; 900]);
    assert!(header.exists() && header.with_extension(make::STAMP).exists());
    assert!(!other.exists() && !other.with_extension(make::STAMP).exists());
    assert_eq!(
        store
            .open_file(&key("module"))
            .unwrap()
            .map(|file| file.metadata().unwrap().len()),
        Some(901)
    );
}

#[test]
fn the_newest_stays_though_it_is_larger_than_the_bound() {
    let (_folder, store) = store(100);
    store.put_file(&key("module"), &[0; 500]).unwrap();
    assert!(store.open_file(&key("module")).unwrap().is_some());
    assert!(made(&store, "x", &[0; 500]).1 && !made(&store, "x", b"").1);
    assert!(store.open_file(&key("module")).unwrap().is_none());
}

#[test]
fn many_at_once_make_it_once() {
    let (folder, _) = store(1 << 20);
    let count = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                // Each with a store of its own, as processes have.
                let own = folder.path().join("own");
                let store = Store::open(&own, 1 << 20, StoreLayout::Flat).unwrap();
                let bytes = store.get_or_make(&key("x"), &Cancel::never(), || {
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
fn a_folder_that_others_can_write_or_exchange_is_refused() {
    for layout in [StoreLayout::Flat, StoreLayout::Spread] {
        for (outer, inner) in [
            (0o755, 0o777),
            (0o755, 0o770),
            (0o755, 0o702),
            (0o777, 0o700),
            (0o775, 0o700),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let inside = folder.path().join("own");
            fs::create_dir(&inside).unwrap();
            set_mode(&inside, inner);
            set_mode(folder.path(), outer);
            let opened = Store::open(&inside, 0, layout);
            assert!(is_untrusted(&opened), "{outer:o} {inner:o} {opened:?}");
            assert!(opened.unwrap_err().to_string().contains("chmod 700"));
            // Nor by way of a link.
            let link = tempfile::tempdir().unwrap();
            symlink(&inside, link.path().join("link")).unwrap();
            assert!(is_untrusted(&Store::open(
                &link.path().join("link"),
                0,
                layout
            )));
        }
    }
    let folder = tempfile::tempdir().unwrap();
    // As `/tmp` is: others can write, but not rename what is not theirs.
    set_mode(folder.path(), 0o1777);
    let store = Store::open(&folder.path().join("own"), 0, StoreLayout::Flat).unwrap();
    assert_eq!(store.directory().metadata().unwrap().mode() & 0o777, 0o700);
}

#[test]
fn what_others_can_write_and_what_is_no_plain_file_is_not_believed() {
    for layout in [StoreLayout::Flat, StoreLayout::Spread] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("own"), 1 << 30, layout).unwrap();
        store.put(&key("x"), b"sealed").unwrap();
        store.put_file(&key("x"), b"file").unwrap();
        let (path, file) = (store.path(&key("x")), store.file_path(&key("x")));
        let within = path.parent().unwrap().to_owned();
        for (place, mode, own) in [
            (&path, 0o660, 0o600),
            (&file, 0o602, 0o600),
            (&within, 0o777, 0o700),
        ] {
            set_mode(place, mode);
            let wrong = [
                is_untrusted(&store.get(&key("x"))),
                is_untrusted(&store.open_file(&key("x"))),
            ];
            let expected = [
                place == &path || place == &within,
                place == &file || place == &within,
            ];
            assert_eq!(wrong, expected, "{}", place.display());
            set_mode(place, own);
            assert_eq!(store.get(&key("x")).unwrap().unwrap(), b"sealed");
            assert!(store.open_file(&key("x")).unwrap().is_some());
        }
        // A link to a good file, and a pipe that nobody writes to.
        fs::rename(&path, within.join("moved")).unwrap();
        symlink("moved", &path).unwrap();
        assert!(is_untrusted(&store.get(&key("x"))));
        fs::remove_file(&path).unwrap();
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert!(is_untrusted(&store.get(&key("x"))));
        // It is made anew in its place.
        assert!(made(&store, "x", b"new").1 && !made(&store, "x", b"").1);
    }
}

proptest::proptest! {
    #[test]
    fn an_entry_is_read_as_it_was_written_and_nothing_else_is(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
        at in proptest::prelude::any::<proptest::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let of = key("x");
        let whole = [&sealed(&of, &bytes)[..], &bytes].concat();
        proptest::prop_assert_eq!(content(&of, &whole), Some(&bytes[..]));
        proptest::prop_assert_eq!(content(&of, &bytes), None);
        proptest::prop_assert_eq!(content(&key("y"), &whole), None);
        let mut spoilt = whole.clone();
        spoilt[at.index(whole.len())] ^= 1 << bit;
        proptest::prop_assert_eq!(content(&of, &spoilt), None);
        proptest::prop_assert_eq!(content(&of, &whole[..at.index(whole.len())]), None);
    }
}
