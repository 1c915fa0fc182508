//! Ranges of rows and bytes: merging and intersection.

use std::ops::Range;

/// Appends a range, or extends the last one if they are adjacent.
pub fn push_joined<T: PartialEq>(ranges: &mut Vec<Range<T>>, next: Range<T>) {
    match ranges.last_mut() {
        Some(last) if last.end == next.start => last.end = next.end,
        _ => ranges.push(next),
    }
}

/// The intersection of two sorted lists of ranges.
pub fn common(one: &[Range<usize>], other: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for range in one {
        let first = other.partition_point(|other| other.end <= range.start);
        for other in other.iter().skip(first).take_while(|other| other.start < range.end) {
            found.push(range.start.max(other.start)..range.end.min(other.end));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;

    #[test]
    fn ranges_have_in_common_what_is_in_both() {
        assert_eq!(common(&[0..10, 20..30], &[5..22, 25..26, 29..40]), [5..10, 20..22, 25..26, 29..30]);
        assert!(common(slice::from_ref(&(0..10)), slice::from_ref(&(10..20))).is_empty());
    }
}
