//! Many programs at once, and the cache.

use super::*;

#[test]
fn many_programs_come_back_in_order_and_stop_when_told() {
    let set = problem(vec![stdin_test("", "1")], vec![]);
    let program = program();
    let tasks: Vec<Task<'_>> = (0..20)
        .map(|index| Task {
            program: (index % 2 == 0).then_some(&program),
            problem: &set,
            scope: Scope::All,
            stop: StopAt::Never,
        })
        .collect();
    let judge = Judge::new(Fake::new((0..20).map(|_| printed("1"))));
    let mut seen = Vec::new();
    judge.judge_all(&tasks, 4, &mut |index, result| {
        seen.push((index, result.unwrap().grade));
        index < 9
    });
    let expected: Vec<(usize, Grade)> = (0..10)
        .map(|index| {
            (
                index,
                if index % 2 == 0 {
                    Grade::Accepted
                } else {
                    Grade::NoProgram
                },
            )
        })
        .collect();
    assert_eq!(seen, expected);
}

#[test]
fn the_cache_runs_a_program_once_and_keeps_no_errors() {
    let judge = Judge::new(Fake::new([
        Err(Broken),
        printed("1"),
        printed("2"),
        printed("x"),
    ]))
    .with_retries(0);
    let cache = VerdictCache::new(8);
    let ask = |program: &Program| {
        cache.judge(
            &judge,
            program,
            &three(),
            Scope::Public,
            StopAt::FirstFailure,
        )
    };
    assert!(ask(&program()).is_err());
    let first = ask(&program()).unwrap();
    assert_eq!(ask(&program()).unwrap(), first);
    let other = ask(&Program::bare("print(0)", Language::Python)).unwrap();
    assert_eq!(other.grade, Grade::WrongAnswer);
}
