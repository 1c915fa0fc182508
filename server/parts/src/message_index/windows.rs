//! The windows of a text: its runs of three bytes, and the letters around its spaces.

use model::query::fold::fold_into;

/// The case folding applied before windows are extracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Folding {
    /// Simple case folding, of every script.
    Simple,
    /// ASCII lower case, in parts of earlier versions.
    Ascii,
}

/// The number of zero bytes on both sides of a padded text.
const AROUND: usize = 8;

/// A folded text with zero padding, so that eight bytes can be read before and after each of its bytes.
#[derive(Default)]
pub(super) struct Padded(Vec<u8>);

impl Padded {
    pub(super) fn set(&mut self, text: &str, folding: Folding) {
        self.0.clear();
        self.0.extend_from_slice(&[0; AROUND]);
        match folding {
            Folding::Simple => fold_into(text, &mut self.0),
            Folding::Ascii => {
                self.0.extend_from_slice(text.as_bytes());
                self.0.make_ascii_lowercase();
            }
        }
        self.0.extend_from_slice(&[0; AROUND]);
    }

    /// The index after the last byte of the text.
    fn end(&self) -> usize {
        self.0.len().saturating_sub(AROUND)
    }

    /// Calls `call` with the hash of each run of three bytes. The highest bits of a hash are the best.
    #[inline]
    pub(super) fn runs(&self, mut call: impl FnMut(u32)) {
        let mut rest = self.0.get(AROUND..self.end()).unwrap_or_default();
        // Six runs of eight bytes, which are loaded once.
        while let Some(eight) = rest.first_chunk() {
            let word = u64::from_le_bytes(*eight);
            (0..6).for_each(|place| call(hash_of_run((word >> (8 * place)) as u32 & 0xff_ffff)));
            rest = &rest[6..];
        }
        for run in rest.windows(3) {
            if let &[a, b, c] = run {
                call(hash_of_run(u32::from_le_bytes([a, b, c, 0])));
            }
        }
    }

    /// Calls `call` with the hashes of each seam of up to `longest` letters on each side. The highest bits of a hash
    /// are the best. The shortest seam has several hashes, because short words have no other.
    #[inline]
    pub(super) fn seams(&self, longest: u32, mut call: impl FnMut(u64)) {
        for at in (AROUND..self.end()).step_by(8) {
            let mut spaces = equal(self.eight(at), b' ');
            while spaces != 0 {
                let space = at + spaces.trailing_zeros() as usize / 8;
                spaces &= spaces - 1;
                seams_at(self.eight(space - AROUND), self.eight(space + 1), longest, &mut call);
            }
        }
    }

    fn eight(&self, at: usize) -> u64 {
        self.0.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |eight| u64::from_le_bytes(*eight))
    }
}

/// The seams of a space between the last of eight bytes and the first of eight others.
#[inline]
fn seams_at(before: u64, after: u64, longest: u32, call: &mut impl FnMut(u64)) {
    let last_letters = (!small_letters(before) & HIGHEST).leading_zeros() / 8;
    let first_letters = (!small_letters(after) & HIGHEST).trailing_zeros() / 8;
    let letters = last_letters.min(first_letters).min(longest);
    if letters < 2 {
        return;
    }
    let two = before >> 48 | (after & 0xffff) << 16 | u64::from_le_bytes(*b"\0\0\0\0aa\0\0");
    call(two.wrapping_mul(0x9e37_79b1_85eb_ca87));
    call(two.wrapping_mul(0xc2b2_ae3d_27d4_eb4f));
    // Sets of earlier versions, which know no longer seams, lack the third.
    if longest > 3 {
        call(two.wrapping_mul(0xd6e8_feb8_6659_fd93));
    }
    if letters >= 3 {
        call((before >> 40 | (after & 0xff_ffff) << 24).wrapping_mul(0x1656_67b1_9e37_79f9));
    }
    if letters >= 4 {
        call(hash_of_long(before >> 32, after & 0xffff_ffff));
    }
    if letters >= 6 {
        call(hash_of_long(before >> 16, after & 0xffff_ffff_ffff));
    }
}

/// SIMD within a register: the highest bit of each byte is its result.
const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGHEST: u64 = 0x80 * ONES;

/// Marks the lower-case ASCII letters among eight bytes.
fn small_letters(bytes: u64) -> u64 {
    let low = bytes & (0x7f * ONES);
    let from_a = low + (0x80 - u64::from(b'a')) * ONES;
    let past_z = low + (0x7f - u64::from(b'z')) * ONES;
    from_a & !past_z & !bytes & HIGHEST
}

/// Marks the bytes equal to `byte` among eight bytes.
fn equal(bytes: u64, byte: u8) -> u64 {
    let other = bytes ^ (u64::from(byte) * ONES);
    !(((other & (0x7f * ONES)) + 0x7f * ONES) | other) & HIGHEST
}

pub(super) fn hash_of_run(run: u32) -> u32 {
    run.wrapping_mul(0x9e37_79b1)
}

/// The letters before a space and those after it; together they are more than one number.
fn hash_of_long(before: u64, after: u64) -> u64 {
    (before.wrapping_mul(0x9e37_79b1_85eb_ca87).rotate_left(32) ^ after).wrapping_mul(0xc2b2_ae3d_27d4_eb4f)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The algorithm of the module documentation, byte by byte: the hashes of runs and of seams.
    fn naive_hashes(text: &str, longest: usize) -> (Vec<u32>, Vec<u64>) {
        let text = text.to_ascii_lowercase().into_bytes();
        let letters = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_lowercase);
        let number =
            |bytes: &[u8]| bytes.iter().zip((0..).step_by(8)).map(|(byte, bit)| u64::from(*byte) << bit).sum::<u64>();
        let mut runs: Vec<u32> = text.windows(3).map(|run| hash_of_run(number(run) as u32)).collect();
        let mut seams = Vec::new();
        for (place, _) in text.iter().enumerate().filter(|(_, byte)| **byte == b' ') {
            for width in [2, 3, 4, 6].into_iter().filter(|width| *width <= longest) {
                let around = (place.checked_sub(width).and_then(|from| text.get(from..place)), text.get(place + 1..));
                let (Some(before), Some(after)) = around else { continue };
                let Some(after) = after.get(..width).filter(|after| letters(before) && letters(after)) else {
                    continue;
                };
                let seam = [before, after].concat();
                match width {
                    2 => {
                        let seam = number(&[&seam[..], b"aa"].concat());
                        seams.push(seam.wrapping_mul(0x9e37_79b1_85eb_ca87));
                        seams.push(seam.wrapping_mul(0xc2b2_ae3d_27d4_eb4f));
                        if longest > 3 {
                            seams.push(seam.wrapping_mul(0xd6e8_feb8_6659_fd93));
                        }
                    }
                    3 => seams.push(number(&seam).wrapping_mul(0x1656_67b1_9e37_79f9)),
                    _ => seams.push(hash_of_long(number(before), number(after))),
                }
            }
        }
        runs.sort_unstable();
        seams.sort_unstable();
        (runs, seams)
    }

    proptest! {
        #[test]
        fn eight_bytes_at_a_time_are_as_one_at_a_time(
            text in "([ a-zA-Z`{@\\[0-9é한\u{0}-\u{7f}]| [a-z]{1,9} ?){0,40}",
            longest in prop::sample::select(vec![3_usize, 6]),
        ) {
            let mut padded = Padded::default();
            padded.set("something that was here before", Folding::Ascii);
            padded.set(&text, Folding::Ascii);
            let (mut runs, mut seams) = (Vec::new(), Vec::new());
            padded.runs(|hash| runs.push(hash));
            padded.seams(longest as u32, |hash| seams.push(hash));
            runs.sort_unstable();
            seams.sort_unstable();
            prop_assert_eq!((runs, seams), naive_hashes(&text, longest));
        }
    }

    #[test]
    fn a_text_without_bytes_has_no_windows() {
        let mut padded = Padded::default();
        let windows = |padded: &Padded| {
            let mut count = 0;
            padded.runs(|_| count += 1);
            padded.seams(6, |_| count += 1);
            count
        };
        assert_eq!(windows(&padded), 0);
        padded.set("", Folding::Simple);
        assert_eq!(windows(&padded), 0);
        padded.set("ab cd", Folding::Simple);
        assert_eq!(windows(&padded), 6);
    }
}
