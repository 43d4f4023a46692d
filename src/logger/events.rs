//! Named numbers → TensorBoard's event files: records of TensorFlow (a length, its check sum, the bytes, their check sum), each
//! an `Event` of its protocol buffers with the wall time, a step and a summary of tags and numbers. Nothing else of the
//! format is needed for curves, so no library is.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Error, ErrorKind, Write as _};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// How the names of files begin by which TensorBoard knows them.
const PREFIX: &str = "events.out.tfevents.";
/// What the first record of a file says.
const VERSION: &[u8] = b"brain.Event:2";

/// An event file that is being written.
#[derive(Debug)]
pub struct Events {
    file: File,
}

/// What one event says.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Seconds since 1970.
    pub wall_time: f64,
    /// Rounds done.
    pub step: u64,
    /// Tags and numbers.
    pub numbers: Vec<(String, f32)>,
}

impl Events {
    /// Begins the one file of a folder; what other files of events it held are removed, for their numbers are written again.
    pub fn begin(folder: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(PREFIX) {
                std::fs::remove_file(&path)?;
            }
        }
        let name = format!("{PREFIX}{}.rlef.{}", now() as u64, std::process::id());
        let mut file = File::create(folder.join(name))?;
        let mut event = double(1, now());
        event.extend(bytes(3, VERSION));
        file.write_all(&record(&event))?;
        Ok(Self { file })
    }

    /// Writes the numbers of a step as one record. A name without a group is drawn with those of training.
    pub fn write(&mut self, step: u64, numbers: &BTreeMap<String, f64>) -> std::io::Result<()> {
        let mut summary = Vec::new();
        for (name, &value) in numbers {
            let tag = if name.contains('/') {
                name.clone()
            } else {
                format!("train/{name}")
            };
            let mut one = bytes(1, tag.as_bytes());
            one.push(2 << 3 | 5);
            one.extend((value as f32).to_le_bytes());
            summary.extend(bytes(1, &one));
        }
        let mut event = double(1, now());
        event.push(2 << 3);
        event.extend(varint(step));
        event.extend(bytes(5, &summary));
        self.file.write_all(&record(&event))
    }
}

fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

/// A record around some bytes.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut all = length.to_vec();
    all.extend(masked(&length).to_le_bytes());
    all.extend(data);
    all.extend(masked(data).to_le_bytes());
    all
}

fn double(field: u8, value: f64) -> Vec<u8> {
    let mut all = vec![field << 3 | 1];
    all.extend(value.to_le_bytes());
    all
}

fn bytes(field: u8, value: &[u8]) -> Vec<u8> {
    let mut all = vec![field << 3 | 2];
    all.extend(varint(value.len() as u64));
    all.extend(value);
    all
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut all = Vec::new();
    while value > 127 {
        all.push(value as u8 | 128);
        value >>= 7;
    }
    all.push(value as u8);
    all
}

/// CRC-32C as records carry it: turned, so that the check sum of bytes that hold one of themselves is no trap.
fn masked(data: &[u8]) -> u32 {
    crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The Castagnoli polynomial, bit by bit: some thousand bytes a round need no table.
fn crc32c(data: &[u8]) -> u32 {
    let shifted = |crc: u32, _| (crc >> 1) ^ (0x82f6_3b78 * (crc & 1));
    !data
        .iter()
        .fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), shifted))
}

/// Reads an event file back, but for its first record. Refuses one that is damaged or cut.
pub fn read(path: &Path) -> std::io::Result<Vec<Event>> {
    let file = crate::files::read(path)?;
    let bad = |what: &str| Error::new(ErrorKind::InvalidData, what.to_owned());
    let mut rest = file.as_slice();
    let mut events = Vec::new();
    while !rest.is_empty() {
        let mut take = |count: usize| {
            let (head, tail) = rest
                .split_at_checked(count)
                .ok_or_else(|| bad("a record is cut"))?;
            rest = tail;
            Ok::<_, Error>(head)
        };
        let length = take(8)?;
        if take(4)? != masked(length).to_le_bytes() {
            return Err(bad("the check sum of a length is another"));
        }
        let count = u64::from_le_bytes(length.try_into().map_err(|_| bad("no length"))?);
        let data = take(usize::try_from(count).map_err(|_| bad("a length is too large"))?)?;
        if take(4)? != masked(data).to_le_bytes() {
            return Err(bad("the check sum of a record is another"));
        }
        events.push(event(data).ok_or_else(|| bad("a record is no event"))?);
    }
    if events.is_empty() {
        return Err(bad("there is no first record"));
    }
    events.remove(0);
    Ok(events)
}

/// One field of a message: its number and what it holds.
enum Field<'a> {
    Whole(u64),
    Fixed(&'a [u8]),
    Bytes(&'a [u8]),
}

fn event(data: &[u8]) -> Option<Event> {
    let mut event = Event {
        wall_time: 0.0,
        step: 0,
        numbers: Vec::new(),
    };
    for (number, field) in fields(data)? {
        match (number, field) {
            (1, Field::Fixed(value)) => {
                event.wall_time = f64::from_le_bytes(value.try_into().ok()?);
            }
            (2, Field::Whole(step)) => event.step = step,
            (5, Field::Bytes(summary)) => {
                for (_, value) in fields(summary)? {
                    let Field::Bytes(value) = value else { continue };
                    event.numbers.push(tagged(value)?);
                }
            }
            _ => {}
        }
    }
    Some(event)
}

fn tagged(data: &[u8]) -> Option<(String, f32)> {
    let (mut tag, mut number) = (String::new(), 0.0);
    for field in fields(data)? {
        match field {
            (1, Field::Bytes(text)) => tag = String::from_utf8(text.to_vec()).ok()?,
            (2, Field::Fixed(value)) => number = f32::from_le_bytes(value.try_into().ok()?),
            _ => {}
        }
    }
    Some((tag, number))
}

fn fields(mut data: &[u8]) -> Option<Vec<(u64, Field<'_>)>> {
    fn whole(data: &mut &[u8]) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = data.split_first()?;
            *data = rest;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Some(value);
            }
        }
        None
    }
    fn take<'a>(data: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
        let (head, tail) = data.split_at_checked(count)?;
        *data = tail;
        Some(head)
    }
    let mut all = Vec::new();
    while !data.is_empty() {
        let key = whole(&mut data)?;
        let field = match key & 7 {
            0 => Field::Whole(whole(&mut data)?),
            1 => Field::Fixed(take(&mut data, 8)?),
            2 => {
                let count = usize::try_from(whole(&mut data)?).ok()?;
                Field::Bytes(take(&mut data, count)?)
            }
            5 => Field::Fixed(take(&mut data, 4)?),
            _ => return None,
        };
        all.push((key >> 3, field));
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_sums_are_those_of_others() {
        // RFC 3720, appendix B.4, and the value every implementation is checked by.
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[255; 32]), 0x62a8_ab43);
    }

    #[test]
    fn what_is_written_is_read_back_and_what_is_damaged_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let numbers: BTreeMap<String, f64> =
            [("reward", -0.25), ("time/x", 3e9), ("bad", f64::NAN)]
                .map(|(name, value)| (name.to_owned(), value))
                .into();
        let mut events = Events::begin(folder.path()).unwrap();
        events.write(1, &numbers).unwrap();
        events.write(u64::from(u32::MAX), &BTreeMap::new()).unwrap();
        let entry = std::fs::read_dir(folder.path()).unwrap().next().unwrap();
        let path = entry.unwrap().path();
        let found = read(&path).unwrap();
        assert_eq!((found[0].step, found[1].step), (1, u64::from(u32::MAX)));
        assert!(found[0].wall_time > 1.7e9);
        assert_eq!(found[0].numbers[1], ("train/reward".to_owned(), -0.25));
        assert_eq!(found[0].numbers[2], ("time/x".to_owned(), 3e9));
        assert!(found[0].numbers[0].1.is_nan());
        let whole = std::fs::read(&path).unwrap();
        for place in [0, 9, 30, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[place] ^= 1;
            std::fs::write(&path, &damaged).unwrap();
            assert!(read(&path).is_err(), "{place}");
        }
        std::fs::write(&path, &whole[..whole.len() - 2]).unwrap();
        assert!(read(&path).is_err());
    }
}
