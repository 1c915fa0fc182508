//! Saved views as documents; export and import.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use model::{api::SavedView, limits};
use pipeline::{
    ErrorClass, LogStore as _,
    documents::{Overlay, folder::Files},
};
use reading::{Imported, KINDS, Transfer, Views};
use testkit::memory::MemoryStore;

fn services(files: &[(&str, &str)]) -> (Views, Transfer) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let files = Files::read(folder.path(), KINDS).unwrap();
    let documents = Arc::new(Overlay::new(MemoryStore::new().documents(), files));
    (Views::new(documents.clone()), Transfer::new(documents))
}

fn view(name: &str, address: &str) -> SavedView {
    SavedView { name: name.to_owned(), address: address.to_owned(), read_only: false }
}

/// A file of views.
fn file(views: &[(&str, &str)]) -> String {
    let documents: Vec<_> = views
        .iter()
        .map(|(name, address)| serde_json::json!({"kind": "view", "name": name, "document": {"address": address}}))
        .collect();
    serde_json::json!({"format": 1, "documents": documents}).to_string()
}

#[tokio::test]
async fn views_are_saved_replaced_and_removed_by_name() {
    let (views, _) = services(&[]);
    assert_eq!(views.list().await.unwrap(), []);
    let errors = view("errors of the shop, 'quoted' 오류", "/?q=level%3Aerror+service%3Ashop&range=1h");
    views.save("b", "/?q=b").await.unwrap();
    views.save(&format!(" {} ", errors.name), &errors.address).await.unwrap();
    views.save("b", "/patterns?q=other").await.unwrap();
    assert_eq!(views.list().await.unwrap(), [view("b", "/patterns?q=other"), errors.clone()]);
    assert_eq!(views.address("b").await.unwrap(), "/patterns?q=other");
    views.remove("b").await.unwrap();
    views.remove("b").await.unwrap();
    assert_eq!(views.list().await.unwrap(), [errors]);
    assert_eq!(views.address("b").await.unwrap_err().class, ErrorClass::NotFound);
}

#[tokio::test]
async fn views_are_bounded() {
    let (views, transfer) = services(&[]);
    let long = format!("/{}", "\"".repeat(4 * limits::QUERY_BYTES - 1));
    for number in 0..limits::VIEWS {
        views.save(&format!("{number:04}"), if number == 0 { &long } else { "/" }).await.unwrap();
    }
    let error = views.save("one more", "/").await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid);
    assert!(error.message.contains("500 saved views") && error.message.contains("remove one"), "{error}");
    let import = file(&[("0000", "/?q=changed"), ("one more", "/")]);
    let error = transfer.import(import.as_bytes(), true).await.unwrap_err();
    assert!(error.message.contains("1 new saved views beside 500") && error.message.contains("remove some"), "{error}");
    assert_eq!(views.address("0000").await.unwrap(), long, "nothing of a refused import is stored");
    views.save("0000", "/?q=changed").await.unwrap();
    assert_eq!(views.list().await.unwrap().len(), limits::VIEWS);
}

#[tokio::test]
async fn a_view_from_a_file_is_shown_and_can_be_changed_only_there() {
    let (views, transfer) = services(&[("team.json", &file(&[("b", "/?q=file")]))]);
    views.save("a", "/").await.unwrap();
    views.save("c", "/").await.unwrap();
    let from_file = SavedView { read_only: true, ..view("b", "/?q=file") };
    assert_eq!(views.list().await.unwrap(), [view("a", "/"), from_file.clone(), view("c", "/")]);
    assert_eq!(views.address("b").await.unwrap(), "/?q=file");
    for error in [views.save("b", "/").await.unwrap_err(), views.remove("b").await.unwrap_err()] {
        assert_eq!(error.class, ErrorClass::Conflict);
        assert!(error.message.contains("team.json; change it there"), "{error}");
    }
    let imported = transfer.import(file(&[("b", "/?q=other")]).as_bytes(), true).await.unwrap();
    assert!(imported.refused[0].reason.contains("team.json"), "{imported:?}");
    assert_eq!(views.list().await.unwrap()[1], from_file);
}

#[tokio::test]
async fn what_is_exported_can_be_imported_elsewhere() {
    let (views, transfer) = services(&[("team.json", &file(&[("from a file", "/?q=file")]))]);
    for name in ["a/b", "\"quoted\"", "오류"] {
        views.save(name, "/?q=1").await.unwrap();
    }
    let text = transfer.export(None).await.unwrap();
    assert_eq!(transfer.export(Some("view")).await.unwrap(), text);
    let (views, elsewhere) = services(&[]);
    let imported = elsewhere.import(text.as_bytes(), false).await.unwrap();
    let all = ["view \"quoted\"", "view a/b", "view from a file", "view 오류"].map(str::to_owned).to_vec();
    assert_eq!(imported, Imported { added: all.clone(), ..Imported::default() });
    assert_eq!(elsewhere.export(None).await.unwrap(), text);
    assert!(views.list().await.unwrap().iter().all(|view| !view.read_only));
    let again = elsewhere.import(text.as_bytes(), false).await.unwrap();
    assert_eq!(again, Imported { unchanged: all, ..Imported::default() });
    assert!(transfer.export(Some("nope")).await.unwrap_err().message.contains("the kinds are view"));
}

#[tokio::test]
async fn what_differs_is_refused_by_name_or_replaced() {
    let (views, transfer) = services(&[]);
    views.save("a", "/?q=old").await.unwrap();
    let text = file(&[("a", "/?q=new"), ("b", "/")]);
    let imported = transfer.import(text.as_bytes(), false).await.unwrap();
    assert_eq!(imported.added, ["view b"]);
    assert_eq!(imported.refused.len(), 1);
    assert_eq!(imported.refused[0].document, "view a");
    assert_eq!(views.address("a").await.unwrap(), "/?q=old");
    let imported = transfer.import(text.as_bytes(), true).await.unwrap();
    assert_eq!((imported.changed, imported.unchanged), (vec!["view a".to_owned()], vec!["view b".to_owned()]));
    assert_eq!(views.address("a").await.unwrap(), "/?q=new");
}

/// An import is checked like a saved view.
#[tokio::test]
async fn a_file_with_one_wrong_document_is_refused_as_a_whole() {
    let (views, transfer) = services(&[]);
    let wrong = [
        (file(&[("a", "/"), ("b", "//evil.example")]), "document 2 (view \"b\"): address is no address"),
        (file(&[("a", "/"), (" b", "/")]), "begins or ends with a blank"),
        (file(&[("a", "/"), ("b", "/")]).replace("\"address\":\"/\"", "\"adress\":\"/\""), "unknown field `adress`"),
        (file(&[("a", "/"), ("b", "/")]).replace("\"format\":1", "\"format\":2"), "format is 2"),
    ];
    for (text, part) in wrong {
        let error = transfer.import(text.as_bytes(), true).await.unwrap_err();
        assert!(error.class == ErrorClass::Invalid && error.message.contains(part), "{error}");
    }
    assert_eq!(views.list().await.unwrap(), []);
}
