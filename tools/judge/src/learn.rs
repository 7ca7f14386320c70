//! Logistic regression over sparse features, by follow-the-regularised-leader with an L1 penalty: most weights become
//! nothing.

use crate::random::Random;

const ALPHA: f64 = 0.08;
const BETA: f64 = 1.0;
const L2: f64 = 0.5;

/// What is learnt from.
pub struct Example {
    pub features: Vec<u32>,
    pub is_secret: bool,
    pub weight: f64,
}

pub struct Learnt {
    pub weights: Vec<f64>,
    pub bias: f64,
}

struct Coordinate {
    z: f64,
    n: f64,
}

impl Coordinate {
    fn weight(&self, l1: f64) -> f64 {
        if self.z.abs() <= l1 {
            return 0.0;
        }
        -(self.z - self.z.signum() * l1) / ((BETA + self.n.sqrt()) / ALPHA + L2)
    }

    fn step(&mut self, gradient: f64, weight: f64) {
        let sigma = ((self.n + gradient * gradient).sqrt() - self.n.sqrt()) / ALPHA;
        self.z += gradient - sigma * weight;
        self.n += gradient * gradient;
    }
}

/// Learns from the examples in some passes, each in an order of its own.
pub fn learn(examples: &[Example], features: usize, l1: f64, passes: usize, allowed: Option<&[bool]>, random: &mut Random) -> Learnt {
    let mut coordinates: Vec<Coordinate> = (0..=features).map(|_| Coordinate { z: 0.0, n: 0.0 }).collect();
    let bias = features;
    let mut order: Vec<usize> = (0..examples.len()).collect();
    for _ in 0..passes {
        random.shuffle(&mut order);
        for &index in &order {
            let example = &examples[index];
            let used = || example.features.iter().map(|f| *f as usize).filter(|f| allowed.is_none_or(|allowed| allowed[*f]));
            let score: f64 = used().map(|f| coordinates[f].weight(l1)).sum::<f64>() + coordinates[bias].weight(0.0);
            let share = 1.0 / (1.0 + (-score).exp());
            let gradient = (share - f64::from(u8::from(example.is_secret))) * example.weight;
            for feature in used() {
                let weight = coordinates[feature].weight(l1);
                coordinates[feature].step(gradient, weight);
            }
            let weight = coordinates[bias].weight(0.0);
            coordinates[bias].step(gradient, weight);
        }
    }
    Learnt {
        weights: coordinates[..features].iter().map(|coordinate| coordinate.weight(l1)).collect(),
        bias: coordinates[bias].weight(0.0),
    }
}
