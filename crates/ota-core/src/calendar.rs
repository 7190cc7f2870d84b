//! Maintenance windows on the calendar of a time zone.
//!
//! A window belongs to a day of the zone's calendar and begins when the clocks on its walls first show its time. Where they
//! skip that time it begins with the first instant after the gap; where they show it twice it begins the first time. It lasts
//! for a time that has passed, not for one that clocks show, and ends at the latest when the next one begins. So windows
//! come in order, never overlap, and each has a start of its own, which is its identity.

use jiff::{
    Timestamp, Zoned,
    civil::{self, Date},
    tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase},
};
use std::{iter, time::Duration};

use crate::{InvalidSettings, MaintenanceWindow, Schedule, Weekday};

/// Days in which a window comes at least once, with room for calendars that skip a day.
const REACH: i32 = 34;

/// One maintenance window: from `start` on, until just before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Names the window, whatever the clock does meanwhile.
    pub start: Timestamp,
    pub end: Timestamp,
}

impl Window {
    /// True from the start until just before the end.
    #[must_use]
    pub fn contains(&self, now: Timestamp) -> bool {
        self.start <= now && now < self.end
    }

    /// What is left of it after `now`; nothing when it is over.
    #[must_use]
    pub fn left(&self, now: Timestamp) -> Duration {
        self.end.duration_since(now).try_into().unwrap_or_default()
    }
}

/// All maintenance windows of a gateway.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    schedule: Schedule,
    time: civil::Time,
    weekday: civil::Weekday,
    day: i8,
    duration: Duration,
    zone: TimeZone,
}

impl Calendar {
    /// The windows of `window` in its own time zone, found in `zones`, or in the `site`'s. Whether it is enabled is not asked.
    ///
    /// # Errors
    /// [`InvalidSettings`] for a time that is none and a zone that is not known.
    pub fn new(
        window: &MaintenanceWindow,
        site: &TimeZone,
        zones: &TimeZoneDatabase,
    ) -> Result<Self, InvalidSettings> {
        Ok(Self {
            schedule: window.schedule,
            time: time_of_day(&window.time)?,
            weekday: window.weekday.unwrap_or(Weekday::Sunday).into(),
            day: window.day.unwrap_or(1).clamp(1, 31).try_into().unwrap_or(1),
            duration: window.duration(),
            zone: window.timezone.as_deref().map_or_else(|| Ok(site.clone()), |name| zone(name, zones))?,
        })
    }

    /// The window that is open.
    #[must_use]
    pub fn current(&self, now: Timestamp) -> Option<Window> {
        // Where clocks are set back over midnight, tomorrow has begun already.
        let from = self.today(now).tomorrow().ok()?;
        let days = iter::successors(Some(from), |day| day.yesterday().ok());
        let start = self.starts(days).find(|start| *start <= now)?;
        self.window(start).filter(|window| window.contains(now))
    }

    /// The first window that begins later than `after`. None only at the end of time.
    #[must_use]
    pub fn next(&self, after: Timestamp) -> Option<Window> {
        self.next_start(after).and_then(|start| self.window(start))
    }

    /// The window that is open at `now`, if there is one, and all that come later.
    pub fn from(&self, now: Timestamp) -> impl Iterator<Item = Window> {
        let later = iter::successors(self.next(now), |window| self.next(window.start));
        self.current(now).into_iter().chain(later)
    }

    /// How long a window lasts.
    #[must_use]
    pub const fn duration(&self) -> Duration {
        self.duration
    }

    /// The zone whose clocks it follows.
    #[must_use]
    pub fn zone(&self) -> TimeZone {
        self.zone.clone()
    }

    /// What the clocks of the zone show.
    #[must_use]
    pub fn local(&self, at: Timestamp) -> Zoned {
        at.to_zoned(self.zone.clone())
    }

    fn window(&self, start: Timestamp) -> Option<Window> {
        let end = start.checked_add(self.duration).ok()?;
        Some(Window { start, end: self.next_start(start).map_or(end, |next| end.min(next)) })
    }

    fn next_start(&self, after: Timestamp) -> Option<Timestamp> {
        let from = self.today(after).yesterday().ok()?;
        let days = iter::successors(Some(from), |day| day.tomorrow().ok());
        self.starts(days).find(|start| *start > after)
    }

    fn today(&self, now: Timestamp) -> Date {
        self.zone.to_datetime(now).date()
    }

    /// The starts of the windows that these days have.
    fn starts(&self, days: impl Iterator<Item = Date>) -> impl Iterator<Item = Timestamp> {
        days.zip(0..REACH).filter(|(day, _)| self.falls_on(*day)).filter_map(|(day, _)| self.start(day))
    }

    fn falls_on(&self, day: Date) -> bool {
        match self.schedule {
            Schedule::Daily => true,
            Schedule::Weekly => day.weekday() == self.weekday,
            Schedule::Monthly => day.day() == self.day.min(day.days_in_month()),
        }
    }

    /// The first instant at which the clocks show the window's time, or have gone past it.
    fn start(&self, day: Date) -> Option<Timestamp> {
        let shown = day.to_datetime(self.time);
        match self.zone.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
                offset.to_timestamp(shown).ok()
            }
            AmbiguousOffset::Gap { after, .. } => {
                // Read with the later offset, a time within the gap lies before it.
                let earlier = after.to_timestamp(shown).ok()?;
                self.zone.following(earlier).next().map(|gap| gap.timestamp())
            }
        }
    }
}

/// The time that `HH:MM` means.
pub(crate) fn time_of_day(text: &str) -> Result<civil::Time, InvalidSettings> {
    let two = |digits: &str| match digits.as_bytes() {
        [b'0'..=b'9', b'0'..=b'9'] => digits.parse().ok(),
        _ => None,
    };
    let (hour, minute) = text.split_once(':').ok_or(InvalidSettings::Time)?;
    let (hour, minute) = two(hour).zip(two(minute)).ok_or(InvalidSettings::Time)?;
    civil::Time::new(hour, minute, 0, 0).map_err(|_| InvalidSettings::Time)
}

/// The zone of that name.
pub(crate) fn zone(name: &str, zones: &TimeZoneDatabase) -> Result<TimeZone, InvalidSettings> {
    zones.get(name).map_err(|_| InvalidSettings::TimeZone(name.to_owned()))
}

impl From<Weekday> for civil::Weekday {
    fn from(day: Weekday) -> Self {
        match day {
            Weekday::Monday => Self::Monday,
            Weekday::Tuesday => Self::Tuesday,
            Weekday::Wednesday => Self::Wednesday,
            Weekday::Thursday => Self::Thursday,
            Weekday::Friday => Self::Friday,
            Weekday::Saturday => Self::Saturday,
            Weekday::Sunday => Self::Sunday,
        }
    }
}
