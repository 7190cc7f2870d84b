//! Maintenance windows where calendars and clocks are at their worst.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

use jiff::{Timestamp, ToSpan, civil::date, tz::TimeZoneDatabase};
use ota_core::{Calendar, InvalidSettings, MaintenanceWindow, Schedule, Weekday, Window};
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn daily(time: &str, minutes: u32) -> MaintenanceWindow {
    MaintenanceWindow {
        enabled: true,
        time: time.to_owned(),
        duration_minutes: Some(minutes),
        ..MaintenanceWindow::default()
    }
}

fn monthly(day: u32) -> MaintenanceWindow {
    MaintenanceWindow { schedule: Schedule::Monthly, day: Some(day), ..daily("02:00", 120) }
}

fn calendar(window: &MaintenanceWindow, zone: &str) -> Calendar {
    let zones = TimeZoneDatabase::bundled();
    Calendar::new(window, &zones.get(zone).unwrap(), &zones).unwrap()
}

/// The next windows after an instant, as the clocks of the zone show their starts and ends.
fn local(calendar: &Calendar, after: &str, count: usize) -> Vec<String> {
    let show = |at| calendar.local(at).strftime("%m-%d %H:%M%:z").to_string();
    let windows = calendar.from(at(after)).skip_while(|window| window.start <= at(after));
    windows.take(count).map(|window| format!("{} to {}", show(window.start), show(window.end))).collect()
}

#[test]
fn a_time_that_clocks_skip_begins_after_the_gap() {
    for (zone, time, after, expected) in [
        ("Europe/Berlin", "02:30", "2025-03-29T12:00:00Z", "03-30 03:00+02:00 to 03-30 04:00+02:00"),
        ("America/New_York", "02:00", "2025-03-08T12:00:00Z", "03-09 03:00-04:00 to 03-09 04:00-04:00"),
        // Midnight itself is skipped.
        ("America/Santiago", "00:30", "2025-09-06T12:00:00Z", "09-07 01:00-03:00 to 09-07 02:00-03:00"),
        // Half an hour is skipped.
        ("Australia/Lord_Howe", "02:15", "2025-10-04T12:00:00Z", "10-05 02:30+11:00 to 10-05 03:30+11:00"),
        // After Ramadan.
        ("Africa/Casablanca", "02:59", "2025-04-05T12:00:00Z", "04-06 03:00+01:00 to 04-06 04:00+01:00"),
        ("Asia/Beirut", "00:00", "2025-03-29T12:00:00Z", "03-30 01:00+03:00 to 03-30 02:00+03:00"),
    ] {
        let calendar = calendar(&daily(time, 60), zone);
        assert_eq!(local(&calendar, after, 1), [expected], "{zone}");
    }
}

#[test]
fn a_time_that_clocks_show_twice_begins_the_first_time_and_only_then() {
    for (zone, time, after, expected) in [
        (
            "Europe/Berlin",
            "02:30",
            "2025-10-25T12:00:00Z",
            ["10-26 02:30+02:00 to 10-26 02:30+01:00", "10-27 02:30+01:00 to 10-27 03:30+01:00"],
        ),
        (
            "America/New_York",
            "01:00",
            "2025-11-01T12:00:00Z",
            ["11-02 01:00-04:00 to 11-02 01:00-05:00", "11-03 01:00-05:00 to 11-03 02:00-05:00"],
        ),
        // Clocks go back over midnight: the day before has its 23:30 again.
        (
            "America/Santiago",
            "23:30",
            "2025-04-05T12:00:00Z",
            ["04-05 23:30-03:00 to 04-05 23:30-04:00", "04-06 23:30-04:00 to 04-07 00:30-04:00"],
        ),
        (
            "Australia/Lord_Howe",
            "01:45",
            "2025-04-05T12:00:00Z",
            ["04-06 01:45+11:00 to 04-06 02:15+10:30", "04-07 01:45+10:30 to 04-07 02:45+10:30"],
        ),
        (
            "Africa/Casablanca",
            "02:30",
            "2025-02-22T12:00:00Z",
            ["02-23 02:30+01:00 to 02-23 02:30+00:00", "02-24 02:30+00:00 to 02-24 03:30+00:00"],
        ),
        (
            "America/St_Johns",
            "00:00",
            "2006-10-28T12:00:00Z",
            // At 00:01 clocks went back to 23:01 of the day before.
            ["10-29 00:00-02:30 to 10-29 00:00-03:30", "10-30 00:00-03:30 to 10-30 01:00-03:30"],
        ),
    ] {
        let calendar = calendar(&daily(time, 60), zone);
        assert_eq!(local(&calendar, after, 2), expected, "{zone}");
        let first = calendar.next(at(after)).unwrap();
        let half_past = first.start + 30.minutes();
        assert_eq!(calendar.current(half_past), Some(first), "{zone}");
        assert_eq!(calendar.current(first.end), None, "{zone}: the second time is no window");
        assert_eq!(calendar.current(first.end + 30.minutes()), None, "{zone}");
    }
}

#[test]
fn a_window_lasts_as_long_as_time_passes() {
    let calendar = calendar(&daily("01:30", 120), "Europe/Berlin");
    let (spring, autumn) = ("2025-03-29T12:00:00Z", "2025-10-25T12:00:00Z");
    assert_eq!(local(&calendar, spring, 1), ["03-30 01:30+01:00 to 03-30 04:30+02:00"]);
    assert_eq!(local(&calendar, autumn, 1), ["10-26 01:30+02:00 to 10-26 02:30+01:00"]);
}

#[test]
fn a_day_that_a_zone_leaves_out_has_no_window_of_its_own() {
    // Samoa went over the date line: after 29 December came the 31st.
    let calendar = calendar(&daily("02:00", 180), "Pacific/Apia");
    assert_eq!(
        local(&calendar, "2011-12-28T13:00:00Z", 4),
        [
            "12-29 02:00-10:00 to 12-29 05:00-10:00",
            "12-31 00:00+14:00 to 12-31 02:00+14:00",
            "12-31 02:00+14:00 to 12-31 05:00+14:00",
            "01-01 02:00+14:00 to 01-01 05:00+14:00",
        ],
    );
    let midnight = self::calendar(&daily("00:00", 60), "Pacific/Apia");
    assert_eq!(
        local(&midnight, "2011-12-29T11:00:00Z", 2),
        ["12-31 00:00+14:00 to 12-31 01:00+14:00", "01-01 00:00+14:00 to 01-01 01:00+14:00"],
    );
}

#[test]
fn a_window_crosses_midnight_the_month_and_the_year() {
    let calendar = calendar(&daily("23:30", 120), "Asia/Kathmandu");
    assert_eq!(local(&calendar, "2025-12-31T00:00:00Z", 1), ["12-31 23:30+05:45 to 01-01 01:30+05:45"]);
    let window = calendar.next(at("2025-12-31T00:00:00Z")).unwrap();
    assert_eq!((window.start, window.end), (at("2025-12-31T17:45:00Z"), at("2025-12-31T19:45:00Z")));
    assert_eq!(calendar.current(at("2025-12-31T17:44:59.999Z")), None);
    assert_eq!(calendar.current(at("2025-12-31T17:45:00Z")), Some(window));
    assert_eq!(calendar.current(at("2025-12-31T19:44:59.999Z")), Some(window), "it is the next day by then");
    assert_eq!(calendar.current(at("2025-12-31T19:45:00Z")), None);
}

#[test]
fn a_month_without_the_day_uses_its_last_one() {
    let starts = |day, after: &str, count| -> Vec<_> {
        let days = local(&calendar(&monthly(day), "UTC"), after, count).into_iter();
        days.map(|text| text[..5].to_owned()).collect()
    };
    let year = "2025-01-01T00:00:00Z";
    assert_eq!(starts(31, year, 6), ["01-31", "02-28", "03-31", "04-30", "05-31", "06-30"]);
    assert_eq!(starts(30, year, 4), ["01-30", "02-28", "03-30", "04-30"]);
    assert_eq!(starts(29, "2024-01-31T00:00:00Z", 2), ["02-29", "03-29"], "a leap year");
    assert_eq!(starts(29, "2025-01-31T00:00:00Z", 2), ["02-28", "03-29"]);
    assert_eq!(starts(31, "2028-02-01T00:00:00Z", 1), ["02-29"]);
    assert_eq!(starts(29, "2100-01-31T00:00:00Z", 1), ["02-28"], "no leap year");
    assert_eq!(starts(1, "2025-01-01T02:00:00Z", 2), ["02-01", "03-01"]);
}

#[test]
fn a_week_has_its_day() {
    let mut window = MaintenanceWindow { schedule: Schedule::Weekly, ..daily("02:00", 120) };
    let sunday = calendar(&window, "UTC").next(at("2025-03-16T02:00:00Z")).unwrap();
    assert_eq!(sunday.start, at("2025-03-23T02:00:00Z"), "what begins now is not next");
    window.weekday = Some(Weekday::Monday);
    assert_eq!(
        calendar(&window, "UTC").next(at("2025-03-16T02:00:00Z")).unwrap().start,
        at("2025-03-17T02:00:00Z")
    );
}

#[test]
fn the_window_has_its_own_zone_or_the_site_s() {
    let zones = TimeZoneDatabase::bundled();
    let site = zones.get("Asia/Kolkata").unwrap();
    let mut window = daily("02:00", 120);
    let next = |window: &MaintenanceWindow| {
        Calendar::new(window, &site, &zones)
            .map(|calendar| calendar.next(at("2025-03-15T00:00:00Z")).unwrap().start)
    };
    assert_eq!(next(&window), Ok(at("2025-03-15T20:30:00Z")));
    window.timezone = Some("America/New_York".to_owned());
    assert_eq!(next(&window), Ok(at("2025-03-15T06:00:00Z")));
    window.timezone = Some("America/Atlantis".to_owned());
    assert_eq!(next(&window), Err(InvalidSettings::TimeZone("America/Atlantis".to_owned())));
    window = daily("2 am", 120);
    assert_eq!(next(&window), Err(InvalidSettings::Time));
}

#[test]
fn a_whole_day_leaves_no_instant_out_twice() {
    let calendar = calendar(&daily("00:00", 1440), "Europe/Berlin");
    // The day of 23 hours: its window ends with it.
    assert_eq!(local(&calendar, "2025-03-29T12:00:00Z", 1), ["03-30 00:00+01:00 to 03-31 00:00+02:00"]);
    // The day of 25 hours: the last one is in no window.
    assert_eq!(local(&calendar, "2025-10-25T12:00:00Z", 1), ["10-26 00:00+02:00 to 10-26 23:00+01:00"]);
}

const ZONES: [&str; 12] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Antarctica/Troll",
    "Asia/Gaza",
];

fn any_window() -> impl Strategy<Value = MaintenanceWindow> {
    use Schedule::{Daily, Monthly, Weekly};
    use Weekday::{Friday, Monday, Saturday, Sunday};
    (
        prop::sample::select(vec![Daily, Weekly, Monthly]),
        (0..24_u32, 0..60_u32),
        1..=1440_u32,
        prop::sample::select(vec![Monday, Friday, Saturday, Sunday]),
        1..=31_u32,
    )
        .prop_map(|(schedule, (hour, minute), minutes, weekday, day)| MaintenanceWindow {
            schedule,
            weekday: Some(weekday),
            day: Some(day),
            ..daily(&format!("{hour:02}:{minute:02}"), minutes)
        })
}

proptest! {
    #[test]
    fn windows_come_in_order_and_never_overlap(
        window in any_window(),
        zone in prop::sample::select(&ZONES[..]),
        second in 1_100_000_000_i64..2_200_000_000,
    ) {
        let calendar = calendar(&window, zone);
        let now = Timestamp::from_second(second).unwrap();
        let mut before: Option<Window> = None;
        for window in calendar.from(now).take(40) {
            prop_assert!(window.start < window.end);
            if let Some(before) = before {
                prop_assert!(before.end <= window.start);
                prop_assert!(window.start > now);
                let days = window.start.duration_since(before.start).as_hours() / 24;
                prop_assert!(days <= 32, "a window was left out");
            }
            before = Some(window);
        }
    }

    #[test]
    fn every_instant_of_a_window_finds_it_and_no_other_does(
        window in any_window(),
        zone in prop::sample::select(&ZONES[..]),
        second in 1_100_000_000_i64..2_200_000_000,
        part in 0.0..1.0_f64,
    ) {
        let calendar = calendar(&window, zone);
        let now = Timestamp::from_second(second).unwrap();
        let next = calendar.next(now).unwrap();
        prop_assert!(next.start > now);
        let length = next.end.duration_since(next.start);
        let within = next.start + length.mul_f64(part);
        for instant in [next.start, within, next.end - 1.nanosecond()] {
            prop_assert_eq!(calendar.current(instant), Some(next));
        }
        // Between now and the next window only the one that is open now can be open.
        let open = calendar.current(now);
        let between = now + next.start.duration_since(now).mul_f64(part);
        prop_assert!(between >= next.start || [open, None].contains(&calendar.current(between)));
        let ended = calendar.current(next.end);
        prop_assert!(ended.is_none_or(|window| window.start == next.end));
    }
}

#[test]
fn thirty_years_of_days_in_every_zone() {
    for zone in ZONES {
        let calendar = calendar(&daily("02:30", 60), zone);
        let first = at("2000-01-01T00:00:00Z");
        let until = at("2030-01-01T00:00:00Z");
        let windows = calendar.from(first).take_while(|window| window.start < until).count();
        let days = date(2000, 1, 1).until(date(2030, 1, 1)).unwrap().get_days();
        let days = usize::try_from(days).unwrap();
        assert!(windows.abs_diff(days) <= 1, "{zone}: {windows} windows in {days} days");
    }
}
