//! Names, forms and maps of columns.

use std::sync::Arc;

use super::*;

#[test]
fn columns_of_a_form_have_names_of_their_own() {
    let counts = HashMap::from([
        (("a", Kind::Text), 9),
        (("a", Kind::Float), 8),
        (("a:hex", Kind::Text), 7),
        (("a:float", Kind::Int), 6),
    ]);
    let attributes = attribute_columns(&counts, 1);
    let columns: Vec<&str> = attributes.iter().map(|attribute| attribute.column.as_str()).collect();
    assert_eq!(columns, ["attr.a", "attr.a:float", "attr.a:float:int", "attr.a:hex"]);
    let mut names = Names::of(&attributes);
    let split = |names: &mut Names, place: usize, form: Form| {
        names.split(&attributes[place], form).map(|column| (column.column, column.form))
    };
    let hex = Form::Hex { bytes: 4 };
    let expected = [("attr.a:hex:hex".to_owned(), hex.clone()), ("attr.a".to_owned(), Form::Plain)];
    assert_eq!(split(&mut names, 0, hex.clone()), expected);
    let decimal = Form::Decimal { scale: 2 };
    let expected = [("attr.a:float".to_owned(), decimal.clone()), ("attr.a:float:float".to_owned(), Form::Plain)];
    assert_eq!(split(&mut names, 1, decimal), expected);
    let expected = [("attr.a:hex:hex:hex".to_owned(), hex.clone()), ("attr.a:hex".to_owned(), Form::Plain)];
    assert_eq!(split(&mut names, 3, hex), expected);
}

#[test]
fn a_column_of_an_earlier_format_is_plain_and_a_plain_one_is_written_as_it_was() {
    let json = "{\"column\":\"attr.a\",\"key\":\"a\",\"type\":\"text\"}";
    let column: AttributeColumn = serde_json::from_str(json).unwrap();
    assert!(column.form.is_plain());
    assert_eq!(serde_json::to_string(&column).unwrap(), json);
}

#[test]
fn a_part_without_a_map_that_it_names_is_refused() {
    let read = |summary: &str| {
        let metadata =
            HashMap::from([(FORMAT_KEY.to_owned(), FORMAT.to_string()), (REST_KEY.to_owned(), summary.to_owned())]);
        let fields = core_fields().into_iter().map(Arc::new).chain([Arc::new(RestMap::Int.field())]);
        Columns::read(&Schema::new(fields.collect::<Vec<_>>()), &metadata)
    };
    assert!(
        matches!(read("{\"maps\":[\"rest_int\"],\"shared\":[]}").unwrap().rest(), Rest::Maps(maps) if maps.len() == 1)
    );
    let error = read("{\"maps\":[\"rest_inu\"],\"shared\":[]}").unwrap_err();
    assert!(error.message.contains("rest_inu"), "{}", error.message);
}

#[test]
fn a_column_whose_type_is_not_that_of_its_form_is_refused() {
    let read = |kind: Kind, form: Form, data_type: DataType, format: u32| {
        let attribute = AttributeColumn { column: "attr.a".to_owned(), key: "a".into(), kind, form };
        let mut fields = core_fields();
        fields.push(Field::new("attr.a", data_type, true));
        let metadata = HashMap::from([
            (FORMAT_KEY.to_owned(), format.to_string()),
            (ATTRIBUTES_KEY.to_owned(), serde_json::to_string(&[attribute]).unwrap()),
        ]);
        Columns::read(&Schema::new(fields), &metadata).is_ok()
    };
    let hex = |bytes| Form::Hex { bytes };
    assert!(read(Kind::Text, Form::Plain, DataType::Utf8, 1));
    assert!(read(Kind::Text, Form::Plain, repeated_text(), FORMAT));
    assert!(!read(Kind::Text, Form::Plain, DataType::Utf8, FORMAT + 1));
    assert!(!read(Kind::Text, Form::Plain, DataType::Utf8, 0));
    assert!(read(Kind::Text, hex(8), DataType::FixedSizeBinary(8), FORMAT));
    assert!(!read(Kind::Text, hex(8), DataType::FixedSizeBinary(4), FORMAT));
    assert!(!read(Kind::Int, hex(8), DataType::FixedSizeBinary(8), FORMAT));
    assert!(!read(Kind::Text, hex(200), DataType::FixedSizeBinary(200), FORMAT));
    assert!(read(Kind::Float, Form::Decimal { scale: 2 }, DataType::Decimal64(18, 2), FORMAT));
    assert!(!read(Kind::Float, Form::Decimal { scale: 2 }, DataType::Float64, FORMAT));
}
