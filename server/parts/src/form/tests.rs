//! A value of a form is printed as it was.

use proptest::prelude::*;

use super::*;

/// The forms of texts, with all digits.
fn forms() -> Vec<Form> {
    let hex = [4, 8, 16, 20, 32, 64].map(|bytes| Form::Hex { bytes });
    let numbers =
        ["", "u", "u1", "-", "+", "customer-", "주문 "].map(|prefix| Form::Number { prefix: prefix.to_owned() });
    let times = (0..=9).map(|digits| Form::Time { digits });
    hex.into_iter().chain(numbers).chain(times).chain([Form::Uuid, Form::Ipv4]).collect()
}

/// The text of the value that a text has in a form.
fn back(form: &Form, text: &str) -> Option<String> {
    let (mut buffer, mut out) = ([0; 64], String::new());
    match form.to_bytes(text, &mut buffer) {
        Some(bytes) => form.print_bytes(bytes, &mut out).unwrap(),
        None => form.print_number(form.to_number(text)?, &mut out).unwrap(),
    }
    Some(out)
}

/// Texts that have a form, nearly have one, or have none.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        "[0-9a-f]{8,130}",
        "[0-9a-fA-F]{8}",
        "[0-9a-f]{16}",
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "[0-9a-fA-F-]{36}",
        "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}",
        "(0|[1-9][0-9]{0,20})",
        "(u|u1|-|\\+|customer-|주문 )0?[0-9]{0,20}",
        "[0-9٣７]{1,8}",
        "(1[6-9]|2[0-3])[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]{1,9})?Z",
        "[12][0-9]{3}-(02-(28|29|30)|12-31|01-01)T23:59:(59|60)(\\.0{3})?[Zz]",
    ]
}

fn floats() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        prop::num::f64::ANY,
        (any::<i64>(), 0_i32..20).prop_map(|(number, scale)| number as f64 / 10_f64.powi(scale)),
        (any::<i32>(), 0_i32..10).prop_map(|(number, scale)| f64::from(number) / 10_f64.powi(scale)),
        (any::<i16>(), 0_i32..10).prop_map(|(number, scale)| f64::from(number) * 10_f64.powi(-scale)),
        prop::sample::select(vec![0.0, -0.0, 1e300, -1e300, 5e-324, f64::NAN, f64::INFINITY, 0.1 + 0.2, 1e15, 1e16]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_text_of_a_form_prints_as_it_was(text in texts()) {
        for form in forms() {
            if let Some(found) = back(&form, &text) {
                prop_assert_eq!(&found, &text, "{:?}", form);
            }
        }
    }

    #[test]
    fn the_guessed_form_of_a_text_is_one_that_it_has(text in texts()) {
        match of_texts(std::iter::once(text.as_str())) {
            Form::Plain => {}
            form => {
                prop_assert!(form.is_known(), "{form:?}");
                prop_assert_eq!(back(&form, &text), Some(text));
            }
        }
    }

    #[test]
    fn a_float_of_a_form_is_the_same_bit_for_bit_and_prints_alike(value in floats()) {
        for scale in 0..10 {
            let form = Form::Decimal { scale };
            let Some(number) = form.to_decimal(value) else { continue };
            prop_assert_eq!(form.to_float(number).to_bits(), value.to_bits(), "{:?}", form);
            let mut text = String::new();
            form.print_number(number, &mut text).unwrap();
            prop_assert_eq!(&text, &value.to_string());
            prop_assert_eq!(form.to_number(&text), Some(number));
            // Neighbours are other floats.
            prop_assert!(form.to_float(number - 1) < value && value < form.to_float(number + 1));
        }
    }

    #[test]
    fn bytes_and_numbers_of_any_file_are_printed(number in any::<i64>(), bytes in prop::collection::vec(any::<u8>(), 0..70)) {
        for form in forms().into_iter().chain([Form::Plain, Form::Decimal { scale: 9 }, Form::Decimal { scale: 200 }]) {
            let mut text = String::new();
            form.print_number(number, &mut text).unwrap();
            form.print_bytes(&bytes, &mut text).unwrap();
            prop_assert!(!text.is_empty());
        }
    }
}

#[test]
fn each_form_has_its_texts_and_no_others() {
    let number = |prefix: &str| Form::Number { prefix: prefix.to_owned() };
    for (form, text, is_of_it) in [
        (Form::Hex { bytes: 4 }, "0123abcd", true),
        (Form::Hex { bytes: 4 }, "0123ABCD", false),
        (Form::Hex { bytes: 4 }, "0x23abcd", false),
        (Form::Hex { bytes: 4 }, "0123abc", false),
        (Form::Hex { bytes: 4 }, "0123abcg", false),
        (Form::Uuid, "0190a1b2-c3d4-7000-8000-00000000000f", true),
        (Form::Uuid, "0190A1B2-c3d4-7000-8000-00000000000f", false),
        (Form::Uuid, "0190a1b2c3d4-7000-8000-00000000000f-", false),
        (Form::Ipv4, "10.0.0.1", true),
        (Form::Ipv4, "010.0.0.1", false),
        (Form::Ipv4, "10.0.0.256", false),
        (Form::Ipv4, "10.0.0.1:80", false),
        (number("u"), "u0", true),
        (number("u"), "u1", true),
        (number("u"), "u01", false),
        (number("u"), "u", false),
        (number("u"), "u+1", false),
        (number("u"), "u1 ", false),
        (number("u"), "U1", false),
        (number("u"), "u٣", false),
        (number("u"), "u999999999999999999", true),
        (number("u"), "u1000000000000000000", false),
        (number(""), "17", true),
        (number(""), "-17", false),
        (number(""), "017", false),
        (Form::Time { digits: 0 }, "2026-01-02T03:04:05Z", true),
        (Form::Time { digits: 0 }, "2026-01-02t03:04:05z", false),
        (Form::Time { digits: 0 }, "2026-01-02T03:04:60Z", false),
        (Form::Time { digits: 0 }, "2026-02-29T03:04:05Z", false),
        (Form::Time { digits: 0 }, "2024-02-29T03:04:05Z", true),
        (Form::Time { digits: 0 }, "2026-01-02 03:04:05Z", false),
        (Form::Time { digits: 3 }, "2026-01-02T03:04:05.006Z", true),
        (Form::Time { digits: 3 }, "2026-01-02T03:04:05,006Z", false),
        (Form::Time { digits: 3 }, "2026-01-02T03:04:05.0060Z", false),
        (Form::Time { digits: 3 }, "9999-01-02T03:04:05.006Z", false),
    ] {
        assert_eq!(back(&form, text).as_deref(), is_of_it.then_some(text), "{form:?}: {text}");
    }
    let decimal = |scale, value: f64| Form::Decimal { scale }.to_decimal(value);
    assert_eq!([decimal(2, 1.5), decimal(2, -0.07), decimal(0, 17.0)], [Some(150), Some(-7), Some(17)]);
    for value in [0.125, -0.0, 1e300, f64::NAN, f64::NEG_INFINITY, 1e15, 0.1 + 0.2] {
        assert_eq!(decimal(2, value), None, "{value}");
    }
    assert_eq!(Form::Time { digits: 0 }.to_number("1970-01-01T00:00:00Z"), Some(0));
    assert_eq!(Form::Time { digits: 3 }.to_number("2026-01-02T03:04:05.006Z"), Some(1_767_323_045_006_000_000));
    assert_eq!(Form::Ipv4.to_number("255.255.255.255"), Some(i64::from(u32::MAX)));
}

#[test]
fn the_form_of_a_column_is_that_of_nearly_all_of_its_first_values() {
    fn mixed(number: u64) -> u64 {
        (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7
    }
    let guess = |text: &dyn Fn(u64) -> String| {
        let texts: Vec<String> = (0..1_000).map(text).collect();
        of_texts(texts.iter().map(String::as_str))
    };
    let number = |prefix: &str| Form::Number { prefix: prefix.to_owned() };
    let hex8 = |number: u64| format!("{:08x}", mixed(number) as u32);
    assert_eq!(guess(&hex8), Form::Hex { bytes: 4 });
    assert_eq!(guess(&|number| format!("{:016x}", mixed(number))), Form::Hex { bytes: 8 });
    assert_eq!(guess(&|number| format!("{:08}", mixed(number) % 100_000_000)), Form::Hex { bytes: 4 });
    assert_eq!(guess(&|number| format!("{}", 20_000_000 + number)), number(""));
    assert_eq!(guess(&|number| format!("u{}", mixed(number) % 50_000)), number("u"));
    assert_eq!(guess(&|number| format!("10.0.{}.{}", number % 7, number % 250)), Form::Ipv4);
    assert_eq!(guess(&|number| format!("2026-01-02T03:04:{:02}.{number:03}Z", number % 60)), Form::Time { digits: 3 });
    assert_eq!(guess(&|number| format!("0190a1b2-c3d4-7000-8000-{number:012x}")), Form::Uuid);
    assert_eq!(guess(&|number| format!("{number} of many")), Form::Plain);
    assert_eq!(guess(&|_| String::new()), Form::Plain);
    // Two of a hundred have another form, and the first as well.
    assert_eq!(
        guess(&|number| if number % 50 == 0 { "none".to_owned() } else { hex8(number) }),
        Form::Hex { bytes: 4 }
    );
    assert_eq!(guess(&|number| if number % 20 == 0 { "none".to_owned() } else { hex8(number) }), Form::Plain);
    assert_eq!(of_texts(std::iter::empty()), Form::Plain);

    let floats = |float: &dyn Fn(u64) -> f64| of_floats((0..1_000).map(float));
    assert_eq!(floats(&|number| f64::from(mixed(number) as u16) / 100.0), Form::Decimal { scale: 2 });
    assert_eq!(floats(&|number| number as f64), Form::Decimal { scale: 0 });
    assert_eq!(floats(&|number| number as f64 / 7.0), Form::Plain);
    assert_eq!(floats(&|_| -0.0), Form::Plain);
    assert_eq!(floats(&|number| if number % 50 == 0 { 1.0 / 3.0 } else { 0.5 }), Form::Decimal { scale: 1 });
    assert_eq!(of_floats(std::iter::empty()), Form::Plain);
}

#[test]
fn forms_are_written_as_json_that_stays_as_it_is() {
    // Files hold them.
    for (form, json) in [
        (Form::Plain, "\"plain\""),
        (Form::Uuid, "\"uuid\""),
        (Form::Ipv4, "\"ipv4\""),
        (Form::Hex { bytes: 8 }, "{\"hex\":{\"bytes\":8}}"),
        (Form::Number { prefix: "u".to_owned() }, "{\"number\":{\"prefix\":\"u\"}}"),
        (Form::Time { digits: 3 }, "{\"time\":{\"digits\":3}}"),
        (Form::Decimal { scale: 2 }, "{\"decimal\":{\"scale\":2}}"),
    ] {
        assert_eq!(serde_json::to_string(&form).unwrap(), json);
        assert_eq!(serde_json::from_str::<Form>(json).unwrap(), form);
        assert!(form.is_known());
    }
    for unknown in [Form::Hex { bytes: 65 }, Form::Decimal { scale: 10 }, Form::Number { prefix: "x".repeat(33) }] {
        assert!(!unknown.is_known(), "{unknown:?}");
    }
}
