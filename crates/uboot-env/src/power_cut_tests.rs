//! Commits on a simulated device that loses power, tears writes, fails or lies, at every point where it can.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;

use proptest::prelude::*;

use crate::commit::{Plan, mark_superseded, write_copy};
use crate::copies::Copies;
use crate::device::Area;
use crate::environment::Environment;
use crate::error::Error;
use crate::image::Layout;
use crate::scheme::FlagScheme;

const SIZE: usize = 2048;
const SECTOR: usize = 512;
const LAYOUT: Layout = Layout { size: SIZE, redundant: true };

/// What the device does to the commit.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    /// Power goes after this many bytes were stored; everything later fails.
    CutAfter(usize),
    /// Power goes in the first write; only the sectors of this mask arrive, in whatever order.
    CutKeepingSectors(u8),
    /// The n-th synchronization fails.
    Sync(usize),
    /// One bit of this byte is stored wrongly, in silence.
    Flip(usize),
}

#[derive(Debug)]
struct Disk {
    bytes: Vec<u8>,
    fault: Fault,
    written: usize,
    syncs: usize,
    dead: bool,
}

#[derive(Clone, Debug)]
struct DiskArea {
    disk: Rc<RefCell<Disk>>,
    range: Range<usize>,
}

impl Area for DiskArea {
    fn path(&self) -> &Path {
        Path::new("disk")
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<()> {
        let disk = self.disk.borrow();
        if disk.dead {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let len = buffer.len();
        buffer.copy_from_slice(&disk.bytes[self.range.start..][..len]);
        Ok(())
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.disk.borrow_mut();
        let start = self.range.start + offset;
        assert!(start + bytes.len() <= self.range.end, "writes stay inside the copy");
        for (index, byte) in bytes.iter().enumerate() {
            let kept = match disk.fault {
                Fault::CutAfter(limit) => disk.written < limit,
                Fault::CutKeepingSectors(mask) => mask >> (index / SECTOR) & 1 == 1,
                _ => true,
            };
            let flip = matches!(disk.fault, Fault::Flip(at) if at == disk.written);
            if kept && !disk.dead {
                disk.bytes[start + index] = byte ^ u8::from(flip);
                disk.written += 1;
            }
        }
        disk.dead |= match disk.fault {
            Fault::CutAfter(limit) => disk.written >= limit,
            Fault::CutKeepingSectors(_) => true,
            _ => false,
        };
        if disk.dead { Err(ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut disk = self.disk.borrow_mut();
        disk.syncs += 1;
        let fails = disk.dead || matches!(disk.fault, Fault::Sync(n) if n == disk.syncs);
        if fails { Err(ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }
}

fn areas(disk: &Rc<RefCell<Disk>>) -> [DiskArea; 2] {
    [0..SIZE, SIZE..2 * SIZE].map(|range| DiskArea { disk: Rc::clone(disk), range })
}

fn environment(generation: usize) -> Environment {
    let mut environment = Environment::new();
    environment.set("generation", generation.to_string()).unwrap();
    // Longer than three sectors, and different in each, so that a missing one shows.
    environment.set("filler", format!("{generation:04}").repeat(450)).unwrap();
    environment
}

fn read(disk: &Rc<RefCell<Disk>>, scheme: FlagScheme) -> Result<(usize, u8, Environment), Error> {
    let (active, image) = Copies::read(areas(disk).map(Ok), LAYOUT, scheme).into_active()?;
    Ok((active, image.flag, Environment::parse(&image.data)))
}

/// What a store does, on the simulated disk.
fn commit(disk: &Rc<RefCell<Disk>>, scheme: FlagScheme, after: &Environment) -> Result<(), Error> {
    let (active, flag, _) = read(disk, scheme)?;
    let plan = Plan::new(true, scheme, active, flag);
    let mut areas = areas(disk);
    write_copy(&mut areas[plan.target], &LAYOUT.encode(after, plan.flag)?)?;
    match plan.superseded {
        Some(index) => mark_superseded(&mut areas[index]),
        None => Ok(()),
    }
}

/// A disk on which `commits` commits have gone well.
fn disk(scheme: FlagScheme, commits: usize) -> Rc<RefCell<Disk>> {
    let mut bytes = LAYOUT.encode(&environment(0), 1).unwrap();
    bytes.extend(LAYOUT.encode(&environment(0), 0).unwrap());
    let disk = Rc::new(RefCell::new(Disk { bytes, fault: Fault::None, written: 0, syncs: 0, dead: false }));
    for generation in 1..=commits {
        commit(&disk, scheme, &environment(generation)).unwrap();
    }
    disk
}

/// Commits generation `commits + 1` under `fault`, then starts again as after a power cut: the environment must be the
/// one before or the one after, and the next commit must work. Returns the commit's result and the generation seen.
fn survive(scheme: FlagScheme, commits: usize, fault: Fault) -> (Result<(), Error>, usize) {
    let disk = disk(scheme, commits);
    disk.borrow_mut().written = 0;
    disk.borrow_mut().syncs = 0;
    disk.borrow_mut().fault = fault;
    let result = commit(&disk, scheme, &environment(commits + 1));
    disk.borrow_mut().fault = Fault::None;
    disk.borrow_mut().dead = false;

    let (_, _, seen) = read(&disk, scheme).unwrap();
    let generation = [commits, commits + 1].into_iter().find(|generation| seen == environment(*generation));
    let generation = generation.unwrap_or_else(|| panic!("{scheme:?} {commits} {fault:?}: {seen:?}"));
    commit(&disk, scheme, &environment(commits + 2)).unwrap();
    assert_eq!(read(&disk, scheme).unwrap().2, environment(commits + 2), "{scheme:?} {commits} {fault:?}");
    (result, generation)
}

const SCHEMES: [FlagScheme; 2] = [FlagScheme::Counter, FlagScheme::Boolean];

#[test]
fn a_cut_after_any_byte_leaves_the_old_or_the_new_environment() {
    for scheme in SCHEMES {
        for commits in [0, 1, 2] {
            for bytes in 0..=SIZE + 1 {
                let (result, generation) = survive(scheme, commits, Fault::CutAfter(bytes));
                // The data ends before the padding does, so late cuts may already show the new state. Never the other
                // way round: what was reported as done is done.
                assert!(result.is_err() || generation == commits + 1, "{scheme:?} {commits} {bytes}");
            }
        }
    }
}

#[test]
fn a_cut_around_the_wrap_of_the_counter_is_survived_as_well() {
    for commits in 252..258 {
        for bytes in [0, 1, 4, 5, 6, 700, SIZE - 1, SIZE] {
            let (result, _) = survive(FlagScheme::Counter, commits, Fault::CutAfter(bytes));
            assert!(result.is_err(), "{commits} {bytes}");
        }
    }
}

#[test]
fn sectors_may_arrive_in_any_order() {
    for scheme in SCHEMES {
        for commits in [0, 1] {
            for mask in 0..16 {
                let (result, _) = survive(scheme, commits, Fault::CutKeepingSectors(mask));
                assert!(result.is_err(), "{scheme:?} {commits} {mask:04b}");
            }
        }
    }
}

#[test]
fn a_failed_sync_is_reported() {
    for scheme in SCHEMES {
        let (result, _) = survive(scheme, 3, Fault::Sync(1));
        assert!(matches!(result, Err(Error::Io { action: "sync", .. })), "{result:?}");
    }
    // In the boolean scheme the second write, of the flag, is synchronized too.
    let (result, _) = survive(FlagScheme::Boolean, 3, Fault::Sync(2));
    assert!(matches!(result, Err(Error::Io { action: "sync", .. })), "{result:?}");
}

#[test]
fn what_was_stored_wrongly_is_found_and_does_not_count() {
    for scheme in SCHEMES {
        for at in (0..SIZE).step_by(37) {
            let (result, _) = survive(scheme, 2, Fault::Flip(at));
            assert!(
                matches!(result, Err(Error::ReadBack { offset, .. }) if offset == at),
                "{at}: {result:?}"
            );
        }
    }
    let (result, _) = survive(FlagScheme::Boolean, 2, Fault::Flip(SIZE));
    assert!(matches!(result, Err(Error::ReadBack { offset: 4, .. })), "{result:?}");
}

#[test]
fn boolean_flags_mark_exactly_the_written_copy() {
    let disk = disk(FlagScheme::Boolean, 0);
    for generation in 1..5 {
        commit(&disk, FlagScheme::Boolean, &environment(generation)).unwrap();
        let flags = [disk.borrow().bytes[4], disk.borrow().bytes[SIZE + 4]];
        assert_eq!(flags, if generation % 2 == 1 { [0, 1] } else { [1, 0] });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_sequence_of_cuts_and_commits_stays_readable(
        cuts in proptest::collection::vec(0..=SIZE + 2, 1..12), boolean in any::<bool>(),
    ) {
        let scheme = if boolean { FlagScheme::Boolean } else { FlagScheme::Counter };
        let disk = disk(scheme, 0);
        let mut expected = environment(0);
        for (index, cut) in cuts.into_iter().enumerate() {
            let next = environment(index + 1);
            disk.borrow_mut().written = 0;
            disk.borrow_mut().fault = Fault::CutAfter(cut);
            let result = commit(&disk, scheme, &next);
            disk.borrow_mut().fault = Fault::None;
            disk.borrow_mut().dead = false;
            let (_, _, seen) = read(&disk, scheme).unwrap();
            prop_assert!(seen == next || (seen == expected && result.is_err()));
            expected = seen;
        }
    }
}
