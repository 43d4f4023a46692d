//! Forms that data sets have on their way: codecs of Parquet, JSON in columns of text, plain rows, rows of other languages.

use std::sync::Arc;

use ::parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use ::parquet::data_type::{ByteArray, ByteArrayType};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::Type;

use super::*;

/// A Parquet file of columns of text, packed so.
fn packed(columns: &[(&str, &str)], compression: Compression) -> (TempDir, PathBuf) {
    let column = |name: &str| {
        let built = Type::primitive_type_builder(name, Physical::BYTE_ARRAY)
            .with_repetition(Repetition::REQUIRED)
            .with_logical_type(Some(LogicalType::String))
            .build();
        Arc::new(built.unwrap())
    };
    let fields = columns.iter().map(|(name, _)| column(name)).collect();
    let schema = Type::group_type_builder("row").with_fields(fields).build();
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .build();
    let (directory, path) = file("set.parquet", "");
    let to = std::fs::File::create(&path).unwrap();
    let mut writer =
        SerializedFileWriter::new(to, Arc::new(schema.unwrap()), Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for (_, text) in columns {
        let mut column = group.next_column().unwrap().unwrap();
        let cells = [ByteArray::from(*text)];
        column
            .typed::<ByteArrayType>()
            .write_batch(&cells, None, None)
            .unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    (directory, path)
}

#[test]
fn parquet_is_read_in_every_codec() {
    let long = "word ".repeat(4000);
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(::parquet::basic::GzipLevel::default()),
        Compression::ZSTD(::parquet::basic::ZstdLevel::default()),
        Compression::BROTLI(::parquet::basic::BrotliLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
    ] {
        let columns = [
            ("prompt", long.as_str()),
            ("input", "1\n"),
            ("output", "2\n"),
        ];
        let (_directory, path) = packed(&columns, compression);
        let problems = load(&path).unwrap_or_else(|error| panic!("{compression:?}: {error}"));
        assert_eq!(problems[0].statement, long, "{compression:?}");
        assert_eq!(problems[0].private_tests, [stdin("1\n", "2\n")]);
    }
}

#[test]
fn columns_of_text_may_hold_json() {
    let (_directory, path) = packed(
        &[
            ("data_source", "taco"),
            ("prompt", r#"[{"role": "user", "content": "Add."}]"#),
            (
                "reward_model",
                r#"{"style": "rule", "ground_truth": "{\"inputs\": [\"1\"], \"outputs\": [\"2\"]}"}"#,
            ),
            ("extra_info", r#"{"index": 3}"#),
        ],
        Compression::UNCOMPRESSED,
    );
    assert_eq!(load(&path).unwrap()[0].id, "taco/3");
    let (_directory, path) = packed(
        &[
            ("name", "a"),
            ("description", "d"),
            ("public_tests", r#"{"input": ["1"], "output": ["2"]}"#),
            ("time_limit", r#"{"seconds": 2, "nanos": 0}"#),
        ],
        Compression::UNCOMPRESSED,
    );
    let problem = load(&path).unwrap().remove(0);
    assert_eq!(
        (problem.public_tests.len(), problem.limits.cpu_ms),
        (1, 2000)
    );
    let (_directory, path) = packed(
        &[
            ("task_id", "3"),
            ("text", "Add."),
            ("code", "def add(a, b):\n    return a + b\n"),
            ("test_list", r#"["assert add(1, 2) == 3"]"#),
            ("test_setup_code", ""),
        ],
        Compression::UNCOMPRESSED,
    );
    assert_eq!(load(&path).unwrap()[0].public_tests.len(), 1);
}

#[test]
fn plain_rows_have_one_test_or_lists_of_them() {
    let problem = one(&json!({"prompt": "Double.", "input": "1\n", "output": "2\n"}));
    assert_eq!((problem.id.as_str(), problem.private_tests.len()), ("0", 1));
    let problem =
        one(&json!({"id": 7, "prompt": "Double.", "inputs": ["1", "2"], "outputs": ["2", "4"]}));
    assert_eq!((problem.id.as_str(), problem.private_tests.len()), ("7", 2));
    let message = refusal(&json!({"prompt": "x", "inputs": ["1"], "outputs": []}).to_string());
    assert!(message.contains("outputs"), "{message}");
    let message =
        refusal(&json!({"prompt": "x", "input": "1", "output": "2", "checker": "y"}).to_string());
    assert!(message.contains("checker"), "{message}");
}

#[test]
fn languages_whose_functions_nobody_judges_are_refused_by_name() {
    let row = |language: &str| {
        json!({"name": "HumanEval_0_f", "language": language, "prompt": "def f(x)\n", "tests": "assert", "doctests": "transform",
               "original": "x", "prompt_terminology": "reworded", "stop_tokens": []})
    };
    for language in ["rb", "php", "ts", "lua", "scala", "sh"] {
        let message = refusal(&row(language).to_string());
        assert!(message.contains(&format!("`{language}`")), "{message}");
    }
    let message = refusal(
        &json!({"id": "lua_0", "code": "function f() end", "input": "x", "output": "lu.assertEquals(f(), ????)", "gt": "y"}).to_string(),
    );
    assert!(message.contains("`lua`"), "{message}");
}

#[test]
fn livecodebench_by_value_must_be_asked_for() {
    let row = json!({"question_content": "x", "public_test_cases": "[{\"input\": \"1\", \"output\": \"0.3\", \"testtype\": \"stdin\"}]", "metadata": "{}"});
    assert_eq!(one(&row).comparison, Comparison::Decimals);
    let (_directory, path) = file("set.jsonl", row.to_string());
    let exact = load_as(&path, Schema::named("livecodebench-exact")).unwrap();
    assert_eq!(exact[0].comparison, Comparison::ExactDecimals);
}
