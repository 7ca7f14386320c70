//! Which windows share a bit of the vector tables.
//!
//! A vector lookup yields eight bits for each byte of text, so there are far fewer bits than windows, and a bit stands
//! for a *bucket* of windows. At each of the four positions a bucket takes every byte that one of its windows has
//! there, and so it also takes mixtures of its windows: `abcd` and `wxyz` in one bucket propose `axyd` too. Which
//! windows go together decides how many places of the text are proposed in vain.
//!
//! The best partition is a hard problem, a good one is not: each window in turn goes to the bucket whose share of all
//! text grows least by it, where the share of a bucket is the product over the positions of how common the bytes are
//! that it takes there. A better one takes more time than a scan has, and text; for the built-in rules it was
//! [learned](super::learned).

use super::commonness::{ALL_BYTES, commonness};
use super::learned::Placed;
use super::window::Window;

/// Windows in `N` buckets.
#[derive(Debug, Clone)]
pub(super) struct Buckets<const N: usize> {
    /// For each position of a window, what the buckets take there.
    pub(super) covers: [Cover<N>; 4],
}

/// What each of `N` buckets takes at one position of a window.
#[derive(Debug, Clone)]
pub(super) struct Cover<const N: usize> {
    /// For each byte the buckets that take it, a bit each.
    pub(super) buckets: [u32; 256],
    /// The share of all bytes of text that each bucket takes.
    shares: [f32; N],
}

impl<const N: usize> Buckets<N> {
    pub(super) fn new(windows: &[Placed]) -> Buckets<N> {
        const { assert!(N <= 32, "a bucket is a bit of 32") };
        let mut buckets = Buckets { covers: std::array::from_fn(|_| Cover { buckets: [0; 256], shares: [0.0; N] }) };
        let mut others = Vec::new();
        for Placed { window, bucket } in windows {
            match bucket.map(usize::from).filter(|bucket| *bucket < N) {
                Some(bucket) => buckets.add(window, bucket),
                None => others.push(window),
            }
        }
        // Windows that are alike must not come one after another: the first ones choose among empty buckets, and the
        // more these differ, the better the others find one that suits them. So the order is that of a hash.
        others.sort_unstable_by_key(|window| (scattered(window), window.value, window.care));
        others.dedup_by_key(|window| (window.value, window.care));
        for window in others {
            let bucket = buckets.best(window);
            buckets.add(window, bucket);
        }
        buckets
    }

    fn add(&mut self, window: &Window, bucket: usize) {
        for (position, cover) in self.covers.iter_mut().enumerate() {
            for byte in window.bytes(position) {
                cover.add(byte, bucket);
            }
        }
    }

    /// The bucket whose share of all windows grows least by `window`. All buckets are reckoned side by side, in
    /// vectors.
    fn best(&self, window: &Window) -> usize {
        let (mut now, mut then) = ([1.0; N], [1.0; N]);
        for (position, cover) in self.covers.iter().enumerate() {
            let mut grown = cover.shares;
            for byte in window.bytes(position) {
                cover.grow(&mut grown, byte);
            }
            for bucket in 0..N {
                now[bucket] *= cover.shares[bucket];
                then[bucket] *= grown[bucket];
            }
        }
        let growth = |&bucket: &usize| then[bucket] - now[bucket];
        (0..N).min_by(|a, b| growth(a).total_cmp(&growth(b))).expect("there are buckets")
    }
}

impl<const N: usize> Cover<N> {
    /// Makes `shares` those of buckets that take `byte` as well.
    fn grow(&self, shares: &mut [f32; N], byte: u8) {
        let taken = self.buckets[usize::from(byte)];
        for (bucket, to) in shares.iter_mut().enumerate() {
            *to += if taken >> bucket & 1 == 0 { share(byte) } else { 0.0 };
        }
    }

    fn add(&mut self, byte: u8, bucket: usize) {
        let buckets = &mut self.buckets[usize::from(byte)];
        if *buckets >> bucket & 1 == 0 {
            *buckets |= 1 << bucket;
            self.shares[bucket] += share(byte);
        }
    }
}

/// A number that is far apart for windows that are alike.
fn scattered(window: &Window) -> u32 {
    u32::from_le_bytes(window.value).wrapping_mul(0x9e37_79b1)
}

/// Which share of all bytes of text is `byte`.
fn share(byte: u8) -> f32 {
    commonness(byte) as f32 / ALL_BYTES as f32
}

#[cfg(test)]
mod tests {
    use super::super::Literal;
    use super::*;
    use crate::byteset::ByteSet;

    fn windows(literals: &[(&str, bool)]) -> Vec<Placed> {
        let literal = |&(s, ignore_case): &(&str, bool)| Literal { bytes: s.into(), ignore_case, behind: ByteSet::ALL };
        literals.iter().map(|l| Placed { window: Window::rarest(&literal(l)), bucket: None }).collect()
    }

    /// The buckets that take `bytes`.
    fn takes<const N: usize>(buckets: &Buckets<N>, bytes: &[u8; 4]) -> u32 {
        (0..4).fold(!0, |bits, i| bits & buckets.covers[i].buckets[usize::from(bytes[i])])
    }

    #[test]
    fn every_window_is_in_a_bucket() {
        let windows = windows(&[("sk-", false), ("ghp_", false), ("datadog", true), ("Zzé~", false), ("AKIA", false)]);
        let buckets: Buckets<8> = Buckets::new(&windows);
        for Placed { window, .. } in &windows {
            for i in 0..256 {
                // Each choice of the bytes that fit, in turn.
                let choice = std::array::from_fn(|position| {
                    let fits: Vec<u8> = window.bytes(position).collect();
                    fits[(i + i * position / 2) % fits.len()]
                });
                assert_ne!(takes(&buckets, &choice), 0, "{choice:?}");
            }
        }
        assert_eq!(takes(&buckets, b"#!/b"), 0);
    }

    #[test]
    fn windows_that_share_bytes_share_a_bucket() {
        let buckets: Buckets<2> = Buckets::new(&windows(&[("zqx~", false), ("zqx^", false), ("0123", false)]));
        assert_eq!(takes(&buckets, b"zqx~"), takes(&buckets, b"zqx^"));
        assert_ne!(takes(&buckets, b"zqx~"), takes(&buckets, b"0123"));
        for cover in &buckets.covers {
            for bucket in 0..2 {
                let counted: f32 =
                    (0..=255).filter(|&b| cover.buckets[usize::from(b)] >> bucket & 1 != 0).map(share).sum();
                assert!((cover.shares[bucket] - counted).abs() < 1e-6);
            }
        }
    }
}
