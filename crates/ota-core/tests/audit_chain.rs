//! Nothing in a chain of audit records can be changed, dropped, moved, repeated or added without being found.

#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use ota_core::{
    Actor, AuditAction, AuditEntry, AuditHead, AuditOutcome, AuditRecord, ChainCheck, ChainFault,
    verify_chain,
};
use proptest::prelude::*;

fn entry() -> impl Strategy<Value = AuditEntry> {
    let action = prop::sample::select(AuditAction::ALL.to_vec());
    let outcome = prop_oneof![
        Just(AuditOutcome::Attempted),
        Just(AuditOutcome::Succeeded),
        "[a-z]{0,6}".prop_map(AuditOutcome::refused),
        "[a-z]{0,6}".prop_map(AuditOutcome::failed),
    ];
    let actor = prop_oneof![
        ("[a-z]{0,5}", any::<[u8; 4]>()).prop_map(|(name, ip)| Actor::remote(name, Some(ip.into()))),
        "[a-z]{0,5}".prop_map(Actor::local),
        Just(Actor::schedule()),
        Just(Actor::system()),
    ];
    (actor, action, outcome, "\\PC{0,8}", "\\PC{0,8}", "\\PC{0,8}").prop_map(
        |(actor, action, outcome, subject, reason, detail)| {
            AuditEntry::new(&actor, action, outcome).about(subject).because(reason).saying(detail)
        },
    )
}

fn chain() -> impl Strategy<Value = Vec<AuditRecord>> {
    prop::collection::vec((entry(), 0_i64..4_000_000_000), 1..12).prop_map(|entries| {
        let mut head = AuditHead::genesis();
        let mut records = Vec::new();
        for (entry, second) in entries {
            let record = AuditRecord::seal(&head, Timestamp::from_second(second).unwrap(), &entry);
            head = record.head();
            records.push(record);
        }
        records
    })
}

/// The record with one of its thirteen parts changed.
fn changed(record: &AuditRecord, part: usize) -> AuditRecord {
    let mut record = record.clone();
    match part {
        0 => record.seq += 1,
        1 => record.at.push('x'),
        2 => record.actor.push('x'),
        3 => record.origin.push('x'),
        4 => record.address.push('x'),
        5 => record.action.push('x'),
        6 => record.subject.push('x'),
        7 => record.reason.push('x'),
        8 => record.outcome.push('x'),
        9 => record.code.push('x'),
        10 => record.detail.push('x'),
        11 => record.previous = "f".repeat(64),
        _ => record.hash = "f".repeat(64),
    }
    record
}

proptest! {
    #[test]
    fn a_chain_as_it_was_written_is_whole(records in chain()) {
        let head = verify_chain(&records).unwrap();
        prop_assert_eq!(&head, &records.last().unwrap().head());
        prop_assert_eq!(head.seq, records.len() as u64);
    }

    #[test]
    fn a_change_of_any_part_is_found_at_its_record(records in chain(), at: prop::sample::Index, part in 0..13_usize) {
        let (mut records, at) = (records.clone(), at.index(records.len()));
        records[at] = changed(&records[at], part);
        let fault = verify_chain(&records).unwrap_err();
        let seq = at as u64 + 1;
        let named = matches!(fault, ChainFault::Changed(found) if found == seq)
            || matches!(fault, ChainFault::Missing { expected, .. } if expected == seq);
        prop_assert!(named, "{fault:?} does not name {seq}");
    }

    #[test]
    fn text_cannot_move_between_neighbours(records in chain(), at: prop::sample::Index) {
        let (mut records, at) = (records.clone(), at.index(records.len()));
        let record = &mut records[at];
        record.subject.push('x');
        let before = record.clone();
        let moved = record.subject.pop().unwrap();
        record.reason.insert(0, moved);
        prop_assert_ne!(&before, &*record);
        prop_assert_eq!(verify_chain(&records), Err(ChainFault::Changed(at as u64 + 1)));
    }

    #[test]
    fn a_dropped_record_is_missed(records in chain(), at: prop::sample::Index) {
        let head = verify_chain(&records).unwrap();
        let (mut records, at) = (records.clone(), at.index(records.len()));
        records.remove(at);
        let mut check = ChainCheck::default();
        let found = records.iter().try_for_each(|record| check.push(record)).and_then(|()| check.ends_at(&head));
        let (seq, last) = (at as u64 + 1, records.len() as u64);
        let expected = if seq > last {
            ChainFault::CutOff { last, head: head.seq }
        } else {
            ChainFault::Missing { expected: seq, found: seq + 1 }
        };
        prop_assert_eq!(found, Err(expected));
    }

    #[test]
    fn records_cannot_change_places(records in chain(), one: prop::sample::Index, other: prop::sample::Index) {
        let (mut records, one, other) = (records.clone(), one.index(records.len()), other.index(records.len()));
        prop_assume!(one != other);
        records.swap(one, other);
        prop_assert!(verify_chain(&records).is_err());
        // Not either when their numbers are put right.
        let numbers: Vec<u64> = (1..).take(records.len()).collect();
        for (record, number) in records.iter_mut().zip(numbers) {
            record.seq = number;
        }
        prop_assert_eq!(verify_chain(&records), Err(ChainFault::Changed(one.min(other) as u64 + 1)));
    }

    #[test]
    fn a_record_cannot_be_put_in_between(records in chain(), at: prop::sample::Index, entry in entry()) {
        let (mut records, at) = (records.clone(), at.index(records.len()));
        let before = at.checked_sub(1).map_or_else(AuditHead::genesis, |at| records[at].head());
        let forged = AuditRecord::seal(&before, Timestamp::UNIX_EPOCH, &entry);
        let same = forged == records[at];
        records.insert(at, forged);
        let expected = ChainFault::OutOfOrder { expected: at as u64 + 2, found: at as u64 + 1 };
        prop_assert_eq!(verify_chain(&records), Err(expected));
        // Not either in the place of another, unless it says the same.
        records.remove(at + 1);
        let replaced = verify_chain(&records);
        prop_assert!(same || at + 1 == records.len() || replaced == Err(ChainFault::Unlinked(at as u64 + 2)));
    }
}

/// Known values: an export that was made by one release is verified by every other.
#[test]
fn the_form_of_a_record_never_changes() {
    let actor = Actor::remote("olga", "10.0.0.7".parse().ok());
    let entry = AuditEntry::new(&actor, AuditAction::Reboot, AuditOutcome::refused("blocked"))
        .about("OTA-JOB-1001K")
        .because("maintenance")
        .saying("The crane is moving.");
    let at = "2026-03-15T08:00:00.75Z".parse().unwrap();
    let record = AuditRecord::seal(&AuditHead::genesis(), at, &entry);
    assert_eq!(record.at, "2026-03-15T08:00:00Z");
    assert_eq!(record.hash, "00ad6252e0ac68a85b5935104416c1a808e366dd69eb6af4bcaaf387b6f69849");
    let line = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<AuditRecord>(&line).unwrap(), record);
}

#[test]
fn texts_are_short_and_of_one_line() {
    let long = "x\u{1b}[31m\n".to_owned() + &"ü".repeat(1000);
    let entry = AuditEntry::attempt(&Actor::local("root"), AuditAction::UserAdd).about(long);
    let record = AuditRecord::seal(&AuditHead::genesis(), Timestamp::UNIX_EPOCH, &entry);
    assert_eq!(record.subject.chars().count(), 500);
    assert!(record.subject.starts_with("x [31m ü"), "{}", record.subject);
    assert!(verify_chain([&record]).is_ok());
}

#[test]
fn an_end_that_was_kept_elsewhere_finds_what_was_cut_off_or_rewritten() {
    let say = |text: &str| AuditEntry::success(&Actor::system(), AuditAction::Boot).saying(text);
    let first = AuditRecord::seal(&AuditHead::genesis(), Timestamp::UNIX_EPOCH, &say("one"));
    let second = AuditRecord::seal(&first.head(), Timestamp::UNIX_EPOCH, &say("two"));
    let other = AuditRecord::seal(&first.head(), Timestamp::UNIX_EPOCH, &say("another"));
    let mut check = ChainCheck::default();
    check.push(&first).unwrap();
    assert_eq!(check.ends_at(&second.head()), Err(ChainFault::CutOff { last: 1, head: 2 }));
    check.push(&other).unwrap();
    assert_eq!(check.ends_at(&second.head()), Err(ChainFault::WrongHead(2)));
    assert_eq!(check.ends_at(&other.head()), Ok(()));
}
