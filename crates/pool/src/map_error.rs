//! Why a map of a function that may fail has ended early.

use std::fmt;

use crate::task_error::TaskError;

/// Why [`ThreadPool::try_map`](crate::ThreadPool::try_map) or [`Scope::try_map`](crate::Scope::try_map) ended early.
#[derive(Debug)]
#[non_exhaustive]
pub enum MapError<E> {
    /// A call returned this error.
    Failed(E),
    /// A call has no result.
    Task(TaskError),
}

impl<E> MapError<E> {
    /// The result of a call that may fail, or the reason why it has none.
    pub(crate) fn of<T>(result: Result<Result<T, E>, TaskError>) -> Result<T, Self> {
        result.map_err(MapError::Task)?.map_err(MapError::Failed)
    }

    /// The error of the call that failed, for a caller that returns errors of its own type, whatever that is.
    ///
    /// ```
    /// use interlock::pool::ThreadPool;
    ///
    /// fn lengths(pool: &ThreadPool, words: Vec<String>) -> Result<Vec<usize>, String> {
    ///     let length = |word: String| match word.len() {
    ///         0 => Err(String::from("an empty word")),
    ///         length => Ok(length),
    ///     };
    ///     pool.try_map(words, length)
    ///         .map_err(|error| error.into_failed().unwrap_or_else(|lost| lost.to_string()))
    /// }
    ///
    /// let words = vec!["a".into(), String::new()];
    /// assert_eq!(lengths(&ThreadPool::new(2), words).unwrap_err(), "an empty word");
    /// ```
    ///
    /// # Errors
    /// No call returned an error: one has no result.
    pub fn into_failed(self) -> Result<E, TaskError> {
        match self {
            MapError::Failed(error) => Ok(error),
            MapError::Task(error) => Err(error),
        }
    }
}

impl<E: fmt::Display> fmt::Display for MapError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MapError::Failed(error) => write!(f, "a call failed: {error}"),
            MapError::Task(error) => write!(f, "a call has no result: {error}"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for MapError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            MapError::Failed(error) => Some(error),
            MapError::Task(error) => Some(error),
        }
    }
}
