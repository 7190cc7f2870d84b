//! Figures as people read them. Decimal units; one form for each place of the interface.

/// `452 MB`, `1.2 GB`: whole up to megabytes, one decimal above unless it is zero.
#[must_use]
pub fn size(bytes: u64) -> String {
    let (value, unit) = scale(bytes_to_f64(bytes));
    if matches!(unit, "GB" | "TB") {
        format!("{} {unit}", trimmed(value))
    } else {
        format!("{} {unit}", rounded(value))
    }
}

/// `8GB`, `3.2GB`: the form of slots.
#[must_use]
pub fn slot_size(bytes: u64) -> String {
    let (value, unit) = scale(bytes_to_f64(bytes));
    format!("{}{unit}", trimmed(value))
}

/// `8.2 MB/s`.
#[must_use]
pub fn speed(bytes_per_second: f64) -> String {
    let (value, unit) = scale(bytes_per_second.clamp(0.0, 1e15));
    format!("{} {unit}/s", with_tenths(value))
}

/// `00:30`: minutes and seconds, at most `99:59`.
#[must_use]
pub fn minutes(seconds: u64) -> String {
    let seconds = seconds.min(99 * 60 + 59);
    format!("{:02}:{:02}", seconds / 60, seconds % 60)
}

/// `00:05:30`: hours, minutes and seconds.
#[must_use]
pub fn hours(seconds: u64) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// `19d 3h 12m`.
#[must_use]
pub fn uptime(seconds: u64) -> String {
    format!("{}d {}h {}m", seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60)
}

/// `52.5%`.
#[must_use]
pub fn percent(value: f64) -> String {
    format!("{}%", with_tenths(value))
}

/// One decimal, as a number.
#[must_use]
pub fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn trimmed(value: f64) -> String {
    let text = with_tenths(value);
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// A figure without decimals: `65`. These three cost the browser a fraction of what the general formatting of floats does.
#[must_use]
pub fn whole(value: f64) -> String {
    rounded(value).to_string()
}

/// A figure with one decimal: `65.5`.
#[must_use]
pub fn with_tenths(value: f64) -> String {
    let tenths = rounded(value * 10.0);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// A figure with two decimals: `0.42`.
#[must_use]
pub fn with_hundredths(value: f64) -> String {
    let hundredths = rounded(value * 100.0);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates; the figures are not negative"
)]
fn rounded(value: f64) -> u64 {
    value.round() as u64
}

fn scale(mut value: f64) -> (f64, &'static str) {
    let mut unit = "B";
    for next in ["KB", "MB", "GB", "TB"] {
        // 999.95 would be shown as 1000.0.
        if value < 999.95 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    (value, unit)
}

#[expect(clippy::cast_precision_loss, reason = "shown with two or three digits")]
const fn bytes_to_f64(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::{hours, minutes, percent, size, slot_size, speed, uptime};

    #[test]
    fn figures_have_the_form_of_the_interface() {
        assert_eq!(size(452_000_000), "452 MB");
        assert_eq!(size(1_240_000_000), "1.2 GB");
        assert_eq!(size(0), "0 B");
        assert_eq!(size(999_999_999), "1 GB");
        assert_eq!(slot_size(8_000_000_000), "8GB");
        assert_eq!(slot_size(3_210_000_000), "3.2GB");
        assert_eq!(speed(8_200_000.0), "8.2 MB/s");
        assert_eq!(speed(f64::INFINITY), "1000.0 TB/s");
        assert_eq!(minutes(30), "00:30");
        assert_eq!(minutes(1_000_000), "99:59");
        assert_eq!(hours(135), "00:02:15");
        assert_eq!(uptime(19 * 86_400 + 3 * 3600 + 12 * 60 + 5), "19d 3h 12m");
        assert_eq!(percent(52.46), "52.5%");
    }
}
