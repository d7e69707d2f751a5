//! W3C Baggage, the `baggage` header (www.w3.org/TR/baggage).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::http1::is_token;

/// Members that have to be passed on (section "Limits"); what lies beyond is not read.
const MAX_MEMBERS: usize = 64;
/// Bytes of a list that have to be passed on; a member that crosses this is not read.
const MAX_BYTES: usize = 8192;

/// Keys and decoded values of a list, several headers joined by `,` in the order sent. Properties (`;...`) and what is no
/// member are left out.
pub fn baggage(list: &str) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    let mut end = 0;
    list.split(',')
        .take_while(move |member| {
            end += member.len() + 1;
            end <= MAX_BYTES + 1
        })
        .take(MAX_MEMBERS)
        .filter_map(|member| {
            let (key, value) = member.split(';').next()?.split_once('=')?;
            let (key, value) = (key.trim_matches([' ', '\t']), value.trim_matches([' ', '\t']));
            (is_baggage_key(key) && value.bytes().all(is_plain)).then(|| (key, decode(value)))
        })
}

/// The value of one key; none where the list gives it two.
pub fn baggage_value<'a>(list: &'a str, key: &str) -> Option<Cow<'a, str>> {
    let mut values = baggage(list).filter(|(name, _)| *name == key).map(|(_, value)| value);
    let first = values.next()?;
    values.all(|other| other == first).then_some(first)
}

/// Whether baggage can have a key of this name: a token, as the name of a header is.
pub fn is_baggage_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(is_token)
}

/// A value with its percent-encoding undone; what is no UTF-8 becomes U+FFFD, as the specification says.
pub(super) fn decode(value: &str) -> Cow<'_, str> {
    percent_decode_str(value).decode_utf8_lossy()
}

/// `baggage-octet`
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\",;\\".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &str) -> Vec<(String, String)> {
        baggage(list).map(|(key, value)| (key.to_owned(), value.into_owned())).collect()
    }

    #[test]
    fn the_examples_of_the_specification() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            read("key1=value1;property1;property2, key2 = value2, key3=value3; propertyKey=propertyValue"),
            [pair("key1", "value1"), pair("key2", "value2"), pair("key3", "value3")]
        );
        assert_eq!(
            read("userId=Am%C3%A9lie,serverNode=DF%2028,isProduction=false,eq=a=b,empty="),
            [
                pair("userId", "Amélie"),
                pair("serverNode", "DF 28"),
                pair("isProduction", "false"),
                pair("eq", "a=b"),
                pair("empty", "")
            ]
        );
    }

    #[test]
    fn what_is_no_member_is_left_out() {
        assert_eq!(read(",,a,=b,a b=c,k=\"q\",é=1,a=\u{e9},;p,k;a=b"), []);
        assert_eq!(read("a=%zz%f"), [("a".to_owned(), "%zz%f".to_owned())]);
        assert_eq!(read("a=%ff"), [("a".to_owned(), "\u{fffd}".to_owned())]);
    }

    #[test]
    fn the_limits_of_the_specification() {
        let list = (0..70).map(|i| format!("k{i}=v")).collect::<Vec<_>>().join(",");
        assert_eq!(baggage(&list).count(), 64);
        let whole = format!("a=1,b={}", "x".repeat(MAX_BYTES - 6));
        assert_eq!((whole.len(), baggage(&whole).count()), (MAX_BYTES, 2));
        assert_eq!(baggage(&format!("{whole}x")).count(), 1, "never a part of a member");
        assert_eq!(baggage(&format!("{whole},c=1")).count(), 2);
    }

    #[test]
    fn contradictory_values_are_none() {
        assert_eq!(baggage_value("a=1,b=2,a=1", "a").as_deref(), Some("1"));
        assert_eq!(baggage_value("a=1,b=2,a=2", "a"), None);
        assert_eq!(baggage_value("a=1", "b"), None);
    }
}
