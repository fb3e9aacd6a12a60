//! The start of a program by the engine.

use std::ffi::CString;
use std::path::PathBuf;

use interlock_os::pidfd::Pidfd;
use interlock_os::start::{Program, Ready, Started, Step, can_start, start};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use super::child::ChildProcess;
use crate::blocking;

/// A program that is about to be started. What Python objects say about it is known by now.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct ProgramStart {
    files: Vec<CString>,
    arguments: Vec<CString>,
    environment: Option<Vec<CString>>,
    directory: Option<CString>,
    standard: [i32; 3],
    ours: [i32; 3],
    inherited: Vec<i32>,
    closes_others: bool,
    restores_signals: bool,
    leads_session: bool,
}

/// The arguments, the name of the program, and the PATH on which it is looked for.
type Words<'py> = (Bound<'py, PyList>, Bound<'py, PyAny>, Option<Bound<'py, PyAny>>);

/// The working directory and the environment.
type Place<'py> = (Option<Bound<'py, PyAny>>, Option<Bound<'py, PyDict>>);

/// The outcome of a start: the id of the process, the step that failed, and the system's error.
type Answer = (i32, Option<&'static str>, i32);

#[pymethods]
impl ProgramStart {
    /// Return whether the system lets programs be started this way. Starts a process that exits at once.
    #[staticmethod]
    fn is_possible() -> bool {
        can_start()
    }

    /// Prepare the start of a program. None if an argument is not plain: the standard code knows what to do with it then.
    ///
    /// `pipes` are the six descriptors of `Popen._get_handles`. `inherited` are the descriptors that the program keeps, or None if it
    /// keeps all. `how` says whether signals are restored, and whether the program leads a session.
    #[staticmethod]
    fn prepare(
        words: Words<'_>,
        place: Place<'_>,
        pipes: Bound<'_, PyAny>,
        inherited: Option<Bound<'_, PyAny>>,
        how: (bool, bool),
    ) -> Option<Self> {
        let (arguments, name, path) = words;
        let (directory, environment) = place;
        let [input, to_input, from_output, output, from_errors, errors] = pipes.extract::<[i32; 6]>().ok()?;
        let closes_others = inherited.is_some();
        Some(ProgramStart {
            files: candidates(text(&name)?, path)?,
            arguments: arguments.iter().map(|word| text(&word)).collect::<Option<_>>()?,
            environment: match environment {
                Some(variables) => Some(assignments(&variables)?),
                None => None,
            },
            directory: match directory {
                Some(name) => Some(text(&name)?),
                None => None,
            },
            standard: [input, output, errors],
            ours: [to_input, from_output, from_errors],
            inherited: match inherited {
                Some(numbers) => descriptors(&numbers)?,
                None => Vec::new(),
            },
            closes_others,
            restores_signals: how.0,
            leads_session: how.1,
        })
    }

    /// Start the program. Blocks until it is executed or can't be, while other threads run. None if there is no new process.
    ///
    /// Returns the id of the process, what has failed ("files", "directory" or "execution") and the error. `popen` has the process
    /// then, and as `name` its descriptor, unless "files" has failed. No signal handler runs before that, which could raise.
    fn run(&self, popen: &Bound<'_, PyAny>, name: &Bound<'_, PyString>) -> PyResult<Option<Answer>> {
        let py = popen.py();
        let program = Program {
            files: &self.files,
            arguments: &self.arguments,
            environment: self.environment.as_deref(),
            directory: self.directory.as_deref(),
            standard: self.standard,
            ours: self.ours,
            inherited: &self.inherited,
            closes_others: self.closes_others,
            restores_signals: self.restores_signals,
            leads_session: self.leads_session,
        };
        let ready = Ready::new(&program); // as long as no other thread can change the environment
        let Ok(started) = blocking::aside(py, || start(&ready)) else {
            return Ok(None);
        };
        let (pid, process, failed, error) = match started {
            Started::Running { pid, pidfd } => (pid, process(pid, pidfd), None, 0),
            Started::Failed { pid, step, error } => match step {
                Step::Files => return Ok(Some((pid, Some("files"), error))),
                Step::Directory => (pid, None, Some("directory"), error),
                Step::Execution => (pid, None, Some("execution"), error),
            },
        };
        popen.setattr(intern!(py, "pid"), pid)?;
        popen.setattr(intern!(py, "_child_created"), true)?;
        if let Some(process) = process {
            popen.setattr(name, process)?;
        }
        Ok(Some((pid, failed, error)))
    }
}

/// Returns the process, by the descriptor that came with it, or else by another one.
fn process(pid: i32, pidfd: Option<Pidfd>) -> Option<ChildProcess> {
    pidfd.or_else(|| Pidfd::open(pid).ok()).map(ChildProcess)
}

/// Returns the files that a name may stand for, as `execvp` tries them.
fn candidates(name: CString, path: Option<Bound<'_, PyAny>>) -> Option<Vec<CString>> {
    let Some(path) = path else {
        return Some(vec![name]);
    };
    let path = text(&path)?;
    let directories = path.as_bytes().split(|&byte| byte == b':');
    let files = directories.map(|directory| {
        let mut file = directory.to_vec();
        if !matches!(directory.last(), None | Some(b'/')) {
            file.push(b'/');
        }
        file.extend_from_slice(name.as_bytes());
        CString::new(file).ok()
    });
    files.collect()
}

/// Returns the variables of an environment, each as `NAME=value`.
fn assignments(variables: &Bound<'_, PyDict>) -> Option<Vec<CString>> {
    let assignment = |item: Bound<'_, PyAny>| {
        let item = item.cast_into::<PyTuple>().ok()?;
        let name = text(&item.get_item(0).ok()?)?;
        let value = text(&item.get_item(1).ok()?)?;
        let mut bytes = name.into_bytes();
        if bytes.contains(&b'=') {
            return None;
        }
        bytes.push(b'=');
        bytes.extend_from_slice(value.as_bytes());
        CString::new(bytes).ok()
    };
    // A list of them: a thread may change the dictionary meanwhile.
    variables.items().iter().map(assignment).collect()
}

/// Returns the numbers of descriptors in ascending order.
fn descriptors(numbers: &Bound<'_, PyAny>) -> Option<Vec<i32>> {
    let mut numbers: Vec<i32> = numbers.extract().ok()?;
    numbers.sort_unstable();
    numbers.dedup();
    numbers.first().is_none_or(|&least| least >= 0).then_some(numbers)
}

/// Returns a str, a bytes object or a path as the system takes it. None if it is none of these, or contains a zero.
fn text(object: &Bound<'_, PyAny>) -> Option<CString> {
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return CString::new(bytes.as_bytes()).ok();
    }
    let path: PathBuf = object.extract().ok()?;
    CString::new(path.into_os_string().into_encoded_bytes()).ok()
}
