//! Lists of addresses: whatever the text is, an error leads to a line of it, and an address that is found lies in a network of
//! the list.

use std::net::IpAddr;

use portcullis::authorize::{AddressList, AddressListError};
use portcullis::principal::Network;

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let list = match AddressList::parse("list", text) {
        Ok(list) => list,
        Err(AddressListError::Line(line, problem)) => {
            assert!((1..=text.lines().count()).contains(&line), "{line} of {text:?}");
            assert!(problem.len() < 1024, "{problem}");
            return;
        }
        Err(error) => panic!("no file was opened: {error}"),
    };
    // The same, by looking at every line.
    let lines: Vec<(Network, u8)> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split('#').next()?.split_ascii_whitespace();
            let network = words.next()?.parse().expect("the list was read");
            Some((network, words.next().map_or(100, |score| score.parse().expect("the list was read"))))
        })
        .collect();
    assert!(list.len() <= lines.len());
    for address in ["192.0.2.1", "10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1", "::", "255.255.255.255"] {
        let address: IpAddr = address.parse().expect("an address");
        let expected =
            lines.iter().filter(|(network, _)| network.contains(address)).map(|(_, score)| *score).max();
        assert_eq!(list.score(address), expected, "{address} in {text:?}");
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let seeds: [&str; 7] = [
        "192.0.2.0/24\n2001:db8::/32 60 # a comment\n\n# another\n10.0.0.0/8 1\n10.1.0.0/16 99\n",
        "0.0.0.0/0 5\n::/0 6\n",
        "10.1.2.3\n10.1.2.3 7\n10.1.2.3/32 9",
        "10.0.0.1/8\n",
        "10.0.0.0/8 0\n",
        "::ffff:10.0.0.0/104\n",
        "10.0.0.0/8 5 5\n",
    ];
    seeds.map(|seed| seed.as_bytes().to_vec()).into()
}
