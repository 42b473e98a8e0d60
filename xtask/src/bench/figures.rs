//! Percentiles and medians, and how figures are written.

use std::time::Duration;

/// The smallest value that at least `percent` of the ascending `values` do not exceed; zero when there are none.
pub(super) fn percentile(values: &[Duration], percent: usize) -> Duration {
    let rank = (values.len() * percent).div_ceil(100);
    values.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// The median of figures in any order; the lower of the two in the middle.
pub(super) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// Milliseconds.
pub(super) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{median, percentile};

    #[test]
    fn the_99th_percentile_of_100_leaves_one_out_and_that_of_10_none() {
        let values = |count| (1..=count).map(Duration::from_millis).collect::<Vec<_>>();
        assert_eq!(percentile(&values(100), 99), Duration::from_millis(99));
        assert_eq!(percentile(&values(10), 99), Duration::from_millis(10));
        assert_eq!(percentile(&[], 99), Duration::ZERO);
    }

    #[test]
    fn one_slow_run_of_three_does_not_move_the_median_away() {
        let figure = median([900.0, 1.0, 2.0]);
        assert!((1.5..2.5).contains(&figure), "{figure}");
    }
}
