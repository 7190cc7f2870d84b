//! What the boot loader will do next, as RAUC's variables say it: `BOOT_ORDER` and `BOOT_<slot>_LEFT`.
//!
//! Every change is made here in memory and committed by the boot environment port in one write, so that no power cut can
//! show the boot loader half of it.

use crate::{BySlot, Running, SlotId};

/// The boot loader's choice: slots in the order in which they are tried, and the tries that each has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootSelection {
    /// First is tried first. A slot that is missing here is never tried.
    pub order: Vec<SlotId>,
    pub left: BySlot<u8>,
    /// Tries of the recovery slot, which comes after the others; none where the boot loader knows of none.
    pub recovery: Option<u8>,
}

/// One change of the boot selection. Each is one commit of the boot environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BootChange {
    /// Before the first byte of a write: the slot cannot be started any more.
    MarkBad { slot: SlotId },
    /// The slot is next, with `tries` attempts; the other one stays behind it.
    Arm { slot: SlotId, tries: u8 },
    /// `booted` is next again and `slot` cannot be started.
    Disarm { slot: SlotId, booted: SlotId, tries: u8 },
    /// A slot that has proved itself before was started once more: it gets its tries back. The order stays, so an armed
    /// slot stays armed.
    MarkGood { slot: SlotId, tries: u8 },
    /// The running slot proved itself: it stays first and gets all its tries back.
    Commit { booted: SlotId, tries: u8 },
    /// The recovery slot has so many tries; with none it cannot be started.
    Recovery { tries: u8 },
}

impl BootSelection {
    /// Reads RAUC's variables. What is not a slot in `order` is passed over, and a counter that is no number counts as
    /// zero, as U-Boot's `test ${BOOT_A_LEFT} -gt 0` does.
    #[must_use]
    pub fn from_variables(order: Option<&str>, a_left: Option<&str>, b_left: Option<&str>) -> Self {
        let mut slots = Vec::new();
        for slot in order.unwrap_or_default().split_ascii_whitespace().filter_map(|name| name.parse().ok()) {
            if !slots.contains(&slot) {
                slots.push(slot);
            }
        }
        let tries = |text: Option<&str>| text.and_then(|t| t.trim().parse().ok()).unwrap_or(0);
        let left = BySlot { a: tries(a_left), b: tries(b_left) };
        Self { order: slots, left, recovery: None }
    }

    /// With the recovery slot, where `order` has one.
    #[must_use]
    pub fn with_recovery(self, order: Option<&str>, left: Option<&str>) -> Self {
        let has = order.unwrap_or_default().split_ascii_whitespace().any(|name| name == Running::RECOVERY);
        let tries = left.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        Self { recovery: has.then_some(tries), ..self }
    }

    /// The slots in `BOOT_ORDER`: space-separated, next slot first. The recovery slot comes after them.
    #[must_use]
    pub fn order_variable(&self) -> String {
        self.order.iter().map(|slot| slot.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// The slot that the next reset starts, or `None` when no slot has a try left.
    #[must_use]
    pub fn next_boot(&self) -> Option<SlotId> {
        self.order.iter().copied().find(|slot| *self.left.get(*slot) > 0)
    }

    /// Away from `slot`, which must not start any more: to the other one, if it is one that starts; else to what the boot loader has
    /// after it, which is the recovery slot.
    #[must_use]
    pub fn away_from(&self, slot: SlotId, tries: u8) -> BootChange {
        let other = slot.other();
        let rescued = self.recovery.is_some_and(|tries| tries > 0);
        if *self.left.get(other) == 0 && rescued {
            return BootChange::MarkBad { slot };
        }
        BootChange::Disarm { slot, booted: other, tries }
    }

    /// Applies `change`. Does **not** write the environment.
    #[must_use]
    pub fn with(mut self, change: BootChange) -> Self {
        match change {
            BootChange::MarkBad { slot } => *self.left.get_mut(slot) = 0,
            BootChange::MarkGood { slot, tries } => *self.left.get_mut(slot) = tries,
            BootChange::Arm { slot, tries } => {
                self.put_first(slot);
                *self.left.get_mut(slot) = tries;
            }
            BootChange::Disarm { slot, booted, tries } => {
                self.put_first(booted);
                *self.left.get_mut(booted) = tries;
                *self.left.get_mut(slot) = 0;
            }
            BootChange::Commit { booted, tries } => {
                self.put_first(booted);
                *self.left.get_mut(booted) = tries;
            }
            BootChange::Recovery { tries } => self.recovery = Some(tries),
        }
        self
    }

    /// Plays the boot script once: takes a try from the first slot that has one and returns it; from the recovery slot when no other has one.
    ///
    /// When no slot has a try left, RAUC's script gives both slots `refill` tries and starts over: an endless loop of
    /// attempts is better than a gateway that never tries again.
    pub fn take_try(&mut self, refill: u8) -> Option<Running> {
        if self.next_boot().is_none() {
            if let Some(left @ 1..) = self.recovery.as_mut() {
                *left -= 1;
                return Some(Running::Recovery);
            }
            for slot in SlotId::ALL {
                *self.left.get_mut(slot) = refill;
            }
        }
        let slot = self.next_boot()?;
        let left = self.left.get_mut(slot);
        *left = left.saturating_sub(1);
        Some(Running::Slot(slot))
    }

    fn put_first(&mut self, slot: SlotId) {
        self.order.retain(|other| *other != slot && *other != slot.other());
        self.order.insert(0, slot);
        self.order.push(slot.other());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> BootSelection {
        BootSelection::from_variables(Some("A B"), Some("3"), Some("3"))
    }

    #[test]
    fn a_slot_marked_bad_is_not_next() {
        let boot = fresh().with(BootChange::MarkBad { slot: SlotId::A });
        assert_eq!(boot.next_boot(), Some(SlotId::B));
    }

    #[test]
    fn an_armed_slot_falls_back_after_its_tries() {
        let mut boot = fresh().with(BootChange::Arm { slot: SlotId::B, tries: 3 });
        let boots: Vec<_> = (0..4).filter_map(|_| boot.take_try(3)?.slot()).collect();
        assert_eq!(boots, [SlotId::B, SlotId::B, SlotId::B, SlotId::A]);
    }

    #[test]
    fn disarming_leaves_the_booted_slot_alone_startable() {
        let armed = fresh().with(BootChange::Arm { slot: SlotId::B, tries: 3 });
        let boot = armed.with(BootChange::Disarm { slot: SlotId::B, booted: SlotId::A, tries: 3 });
        assert_eq!(
            (boot.next_boot(), boot.left.b, boot.order_variable().as_str()),
            (Some(SlotId::A), 0, "A B")
        );
    }

    #[test]
    fn nonsense_in_the_environment_is_passed_over() {
        let boot = BootSelection::from_variables(Some("R B x B A"), Some("two"), Some("1"));
        assert_eq!((boot.order_variable().as_str(), boot.next_boot()), ("B A", Some(SlotId::B)));
        assert_eq!(BootSelection::from_variables(None, None, None).next_boot(), None);
    }

    #[test]
    fn when_no_slot_has_a_try_left_all_are_refilled() {
        let mut boot = BootSelection::from_variables(Some("A B"), Some("0"), Some("0"));
        assert_eq!(boot.take_try(3), Some(Running::Slot(SlotId::A)));
        assert_eq!((boot.left.a, boot.left.b), (2, 3));
    }

    #[test]
    fn the_recovery_slot_is_tried_when_no_other_has_a_try_left() {
        let order = Some("A B R");
        let mut boot =
            BootSelection::from_variables(order, Some("1"), Some("0")).with_recovery(order, Some("2"));
        let boots: Vec<_> = (0..4).filter_map(|_| boot.take_try(3)).map(|slot| slot.to_string()).collect();
        assert_eq!(boots, ["A", "R", "R", "A"], "then both slots are refilled");
        assert_eq!((boot.left.b, boot.recovery), (3, Some(0)), "what may be half written is not");
        let without =
            BootSelection::from_variables(Some("A B"), None, None).with_recovery(Some("A B"), Some("3"));
        assert_eq!(without.recovery, None, "the boot loader does not look for it");
        assert_eq!(fresh().with(BootChange::Recovery { tries: 3 }).recovery, Some(3));
    }
}
