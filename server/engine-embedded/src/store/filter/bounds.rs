//! Comparisons of numbers as bounds of integers.

use model::query::Comparison;

pub(super) fn holds(comparison: Comparison, value: f64, bound: f64) -> bool {
    match comparison {
        Comparison::Less => value < bound,
        Comparison::LessOrEqual => value <= bound,
        Comparison::Greater => value > bound,
        Comparison::GreaterOrEqual => value >= bound,
    }
}

/// The least and the greatest integer for which the comparison holds; `None` if it holds for none. Integers are compared
/// as 64-bit floats, which keeps their order but not their differences.
pub(super) fn integers_in(comparison: Comparison, bound: f64) -> Option<(i64, i64)> {
    numbers_in(comparison, bound, |value| value as f64)
}

/// Returns the range of integers that pass, as [`integers_in`] does, for integers that encode floats. `float` decodes one and
/// must not decrease.
pub(super) fn numbers_in(comparison: Comparison, bound: f64, float: impl Fn(i64) -> f64) -> Option<(i64, i64)> {
    let passes = |value: i64| holds(comparison, float(value), bound);
    match comparison {
        Comparison::Greater | Comparison::GreaterOrEqual => Some((first_integer(passes)?, i64::MAX)),
        Comparison::Less | Comparison::LessOrEqual => match first_integer(|value| !passes(value)) {
            Some(beyond) => Some((i64::MIN, beyond.checked_sub(1)?)),
            None => Some((i64::MIN, i64::MAX)),
        },
    }
}

/// The first integer that passes, if all after it pass, too.
fn first_integer(passes: impl Fn(i64) -> bool) -> Option<i64> {
    let (mut low, mut high) = (i128::from(i64::MIN), i128::from(i64::MAX) + 1);
    while low < high {
        let middle = (low + high).div_euclid(2);
        if passes(middle as i64) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    i64::try_from(low).ok()
}

#[cfg(test)]
mod tests {
    use parts::form::Form;
    use proptest::prelude::*;

    use super::*;

    const COMPARISONS: [Comparison; 4] =
        [Comparison::Less, Comparison::LessOrEqual, Comparison::Greater, Comparison::GreaterOrEqual];

    #[test]
    fn bounds_beyond_all_integers_pass_all_or_none() {
        let of = |comparison| integers_in(comparison, 1e300);
        assert_eq!(of(Comparison::Less), Some((i64::MIN, i64::MAX)));
        assert_eq!(of(Comparison::Greater), None);
        assert_eq!(integers_in(Comparison::Less, -1e300), None);
        assert_eq!(integers_in(Comparison::GreaterOrEqual, 1.5), Some((2, i64::MAX)));
        // The float of the greatest integer is 2^63.
        assert_eq!(integers_in(Comparison::Greater, i64::MAX as f64), None);
    }

    proptest! {
        #[test]
        fn an_integer_is_within_the_bounds_if_its_float_passes(
            value in prop_oneof![any::<i64>(), -10_i64..10, Just(i64::MIN), Just(i64::MAX)],
            offset in -3_i32..3,
            bound in prop_oneof![Just(None::<f64>), any::<f64>().prop_filter("finite", |bound| bound.is_finite()).prop_map(Some)],
        ) {
            let bound = bound.unwrap_or(value as f64 + f64::from(offset) / 2.0);
            for comparison in COMPARISONS {
                let inside = integers_in(comparison, bound)
                    .is_some_and(|(least, greatest)| (least..=greatest).contains(&value));
                prop_assert_eq!(inside, holds(comparison, value as f64, bound), "{:?} {}", comparison, bound);
            }
        }

        #[test]
        fn a_decimal_is_within_the_bounds_if_its_float_passes(
            number in prop_oneof![-999_999_999_999_999_i64..=999_999_999_999_999, -300_i64..300],
            scale in 0_u8..10,
            offset in -3_i32..3,
            bound in prop_oneof![Just(None::<f64>), any::<f64>().prop_filter("finite", |bound| bound.is_finite()).prop_map(Some)],
        ) {
            let form = Form::Decimal { scale };
            let value = form.to_float(number);
            let bound = bound.unwrap_or(form.to_float(number + i64::from(offset)));
            for comparison in COMPARISONS {
                let inside = numbers_in(comparison, bound, |number| form.to_float(number))
                    .is_some_and(|(least, greatest)| (least..=greatest).contains(&number));
                prop_assert_eq!(inside, holds(comparison, value, bound), "{:?} {}", comparison, bound);
            }
        }
    }
}
