//! The middle of many ratios, and how far it is to be trusted.

/// The median of all ratios, between the bounds of its 95 % interval.
pub(crate) fn interval(generations: &[Vec<f64>]) -> (f64, f64, f64) {
    const DRAWS: usize = 1000;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        &generations[(state >> 33) as usize % generations.len()]
    };
    let mut medians: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let drawn = (0..generations.len()).flat_map(|_| draw()).copied();
            median(&mut drawn.collect::<Vec<f64>>())
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    let middle = median(&mut generations.concat());
    (medians[DRAWS / 40], middle, medians[DRAWS - 1 - DRAWS / 40])
}

/// The middle value; sorts on the way.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
