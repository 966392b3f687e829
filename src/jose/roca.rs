//! Recognises RSA moduli made by the broken generator of CVE-2017-15361, which can be factored.
//!
//! Their primes have the form `k·M + (65537^a mod M)` with `M` a product of small primes, so the modulus is a
//! power of 65537 modulo each of those primes. A random modulus passes all these tests with a probability
//! of about 2^-154 (over the primes up to 167, as in the paper's own detector).

const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Whether the big-endian `modulus` has the structure.
pub(crate) fn is_weak(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|&prime| {
        let remainder = modulus.iter().fold(0u32, |rest, &byte| (rest * 256 + u32::from(byte)) % prime);
        is_power_of_65537(remainder, prime)
    })
}

fn is_power_of_65537(value: u32, prime: u32) -> bool {
    let base = 65537 % prime;
    let mut power = 1;
    loop {
        if power == value {
            return true;
        }
        power = power * base % prime;
        if power == 1 {
            return false;
        }
    }
}
