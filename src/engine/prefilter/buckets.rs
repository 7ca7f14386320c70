//! Which windows share a bit of the vector tables.
//!
//! A vector lookup yields eight bits for each byte of text, so there are far fewer bits than windows, and a bit stands
//! for a *bucket* of windows. At each of the four positions a bucket takes every byte that one of its windows has
//! there, and so it also takes mixtures of its windows: `abcd` and `wxyz` in one bucket propose `axyd` too. Which
//! windows go together decides how many places of the text are proposed in vain.
//!
//! The best partition is a hard problem, a good one is not: each window in turn goes to the bucket whose share of all
//! text grows least by it, where the share of a bucket is the product over the positions of how common the bytes are
//! that it takes there.

use super::commonness::{ALL_BYTES, Window, commonness};

/// Windows in `N` buckets.
#[derive(Debug, Clone)]
pub(super) struct Buckets<C, const N: usize> {
    /// For each position of a window, what the buckets take there.
    pub(super) covers: [C; 4],
}

/// What each of `N` buckets takes at one position of a window. A table that cannot hold every set of bytes takes more
/// than it must, and its shares say so.
pub(super) trait Cover<const N: usize>: Default {
    /// The share of all bytes of text that each bucket takes.
    fn shares(&self) -> &[f32; N];

    /// By how much the share of each bucket would grow with `byte`.
    fn growths(&self, byte: u8) -> [f32; N];

    /// Makes `bucket` take `byte`.
    fn add(&mut self, byte: u8, bucket: usize);
}

impl<C: Cover<N>, const N: usize> Buckets<C, N> {
    pub(super) fn new(windows: &[Window]) -> Buckets<C, N> {
        const { assert!(N <= 32, "a bucket is a bit of 32") };
        let mut windows: Vec<&Window> = windows.iter().collect();
        // Windows that are alike must not come one after another: the first ones choose among empty buckets, and the
        // more these differ, the better the others find one that suits them. So the order is that of a hash.
        windows.sort_unstable_by_key(|window| (scattered(window), window.value, window.care));
        windows.dedup_by_key(|window| (window.value, window.care));
        let mut buckets: Buckets<C, N> = Buckets { covers: Default::default() };
        for window in windows {
            let bucket = buckets.best(window);
            for (position, cover) in buckets.covers.iter_mut().enumerate() {
                for byte in window.bytes(position) {
                    cover.add(byte, bucket);
                }
            }
        }
        buckets
    }

    /// The bucket whose share grows least by `window`. All buckets are reckoned side by side, in vectors.
    fn best(&self, window: &Window) -> usize {
        let (mut now, mut then) = ([1.0; N], [1.0; N]);
        for (position, cover) in self.covers.iter().enumerate() {
            let shares = cover.shares();
            let mut grown = *shares;
            if window.is_wildcard(position) {
                grown = [1.0; N];
            } else {
                for byte in window.bytes(position) {
                    add(&mut grown, &cover.growths(byte));
                }
            }
            multiply(&mut now, shares);
            multiply(&mut then, &grown);
        }
        let growth = |&bucket: &usize| then[bucket] - now[bucket];
        (0..N).min_by(|a, b| growth(a).total_cmp(&growth(b))).expect("there are buckets")
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

fn add<const N: usize>(to: &mut [f32; N], terms: &[f32; N]) {
    to.iter_mut().zip(terms).for_each(|(to, term)| *to += term);
}

fn multiply<const N: usize>(to: &mut [f32; N], factors: &[f32; N]) {
    to.iter_mut().zip(factors).for_each(|(to, factor)| *to *= factor);
}

/// `1.0` for each bucket whose bit is not set.
fn unset<const N: usize>(bits: u32) -> [f32; N] {
    std::array::from_fn(|bucket| if bits >> bucket & 1 == 0 { 1.0 } else { 0.0 })
}

/// Any set of bytes for each bucket: a table of all bytes.
#[derive(Debug, Clone)]
pub(super) struct Bytes<const N: usize> {
    /// For each byte the buckets that take it.
    pub(super) buckets: [u32; 256],
    shares: [f32; N],
}

impl<const N: usize> Default for Bytes<N> {
    fn default() -> Self {
        Bytes { buckets: [0; 256], shares: [0.0; N] }
    }
}

impl<const N: usize> Cover<N> for Bytes<N> {
    fn shares(&self) -> &[f32; N] {
        &self.shares
    }

    fn growths(&self, byte: u8) -> [f32; N] {
        let mut growths = unset(self.buckets[usize::from(byte)]);
        multiply(&mut growths, &[share(byte); N]);
        growths
    }

    fn add(&mut self, byte: u8, bucket: usize) {
        let buckets = &mut self.buckets[usize::from(byte)];
        if *buckets >> bucket & 1 == 0 {
            *buckets |= 1 << bucket;
            self.shares[bucket] += share(byte);
        }
    }
}

/// A set of low halves and a set of high halves of bytes for each bucket, which takes each byte made of one of both:
/// two tables of 16 entries.
#[derive(Debug, Clone)]
pub(super) struct Nibbles<const N: usize> {
    /// For each half the buckets that take it.
    pub(super) low: [u32; 16],
    pub(super) high: [u32; 16],
    shares: [f32; N],
    /// By how much a bucket's share grows with one more low half, and with one more high half.
    by_low: [[f32; N]; 16],
    by_high: [[f32; N]; 16],
}

impl<const N: usize> Default for Nibbles<N> {
    fn default() -> Self {
        Nibbles { low: [0; 16], high: [0; 16], shares: [0.0; N], by_low: [[0.0; N]; 16], by_high: [[0.0; N]; 16] }
    }
}

impl<const N: usize> Cover<N> for Nibbles<N> {
    fn shares(&self) -> &[f32; N] {
        &self.shares
    }

    fn growths(&self, byte: u8) -> [f32; N] {
        let (low, high) = halves(byte);
        let (new_low, new_high) = (unset::<N>(self.low[low]), unset::<N>(self.high[high]));
        std::array::from_fn(|bucket| {
            let (new_low, new_high) = (new_low[bucket], new_high[bucket]);
            new_low * self.by_low[low][bucket]
                + new_high * self.by_high[high][bucket]
                + new_low * new_high * share(byte)
        })
    }

    fn add(&mut self, byte: u8, bucket: usize) {
        let (low, high) = halves(byte);
        if self.low[low] >> bucket & 1 == 0 {
            self.low[low] |= 1 << bucket;
            self.shares[bucket] += self.by_low[low][bucket];
            for other in 0..16 {
                self.by_high[other][bucket] += share(whole(low, other));
            }
        }
        if self.high[high] >> bucket & 1 == 0 {
            self.high[high] |= 1 << bucket;
            self.shares[bucket] += self.by_high[high][bucket];
            for other in 0..16 {
                self.by_low[other][bucket] += share(whole(other, high));
            }
        }
    }
}

fn halves(byte: u8) -> (usize, usize) {
    (usize::from(byte & 15), usize::from(byte >> 4))
}

fn whole(low: usize, high: usize) -> u8 {
    (high << 4 | low) as u8
}

#[cfg(test)]
mod tests {
    use super::super::Literal;
    use super::*;

    fn windows(literals: &[(&str, bool)]) -> Vec<Window> {
        let literal = |&(s, ignore_case): &(&str, bool)| Literal { bytes: s.into(), ignore_case };
        literals.iter().map(|l| Window::rarest(&literal(l))).collect()
    }

    /// Whether some bucket takes `bytes`.
    fn takes<C: Cover<N>, const N: usize>(buckets: &Buckets<C, N>, bytes: &[u8; 4], of: fn(&C, u8) -> u32) -> bool {
        (0..4).fold(!0, |bits, i| bits & of(&buckets.covers[i], bytes[i])) != 0
    }

    #[test]
    fn every_window_is_in_a_bucket() {
        let windows = windows(&[("sk-", false), ("ghp_", false), ("datadog", true), ("Zzé~", false), ("AKIA", false)]);
        let bytes: Buckets<Bytes<8>, 8> = Buckets::new(&windows);
        let nibbles: Buckets<Nibbles<8>, 8> = Buckets::new(&windows);
        for window in &windows {
            for i in 0..256 {
                // Each choice of the bytes that fit, in turn.
                let choice: [u8; 4] = std::array::from_fn(|position| {
                    let fits: Vec<u8> = window.bytes(position).collect();
                    fits[(i + i * position / 2) % fits.len()]
                });
                assert!(takes(&bytes, &choice, |cover, byte| cover.buckets[usize::from(byte)]));
                assert!(takes(&nibbles, &choice, |cover, byte| {
                    let (low, high) = halves(byte);
                    cover.low[low] & cover.high[high]
                }));
            }
        }
        assert!(!takes(&bytes, b"#!/b", |cover, byte| cover.buckets[usize::from(byte)]));
    }

    #[test]
    fn growths_foretell_shares() {
        fn check<C: Cover<2>>(mut cover: C, taken: impl Fn(&C, u8) -> bool) {
            for &byte in b"aAz-0\xe9a\x00m" {
                let foretold = cover.shares()[1] + cover.growths(byte)[1];
                cover.add(byte, 1);
                let counted: f32 = (0..=255).filter(|&b| taken(&cover, b)).map(share).sum();
                assert!((cover.shares()[1] - foretold).abs() < 1e-6 && (foretold - counted).abs() < 1e-6);
                assert_eq!(cover.shares()[0], 0.0);
            }
        }
        check(Bytes::default(), |cover, byte| cover.buckets[usize::from(byte)] != 0);
        check(Nibbles::default(), |cover, byte| cover.low[halves(byte).0] & cover.high[halves(byte).1] != 0);
    }
}
