//! The errors for programs.

use std::error::Error;
use std::fmt;

use crate::error::{GetError as HostGetError, PutError as HostPutError};

/// Defines the errors of one kind of queue: that of putting, which returns the item, and that of getting.
macro_rules! refusals {
    ($put:ident, $get:ident, $over:ident, $over_text:literal, $is_over:ident, $queue:literal, $done:literal) => {
        #[doc = concat!("The item was not ", $done, ". The error has it.")]
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $put<T> {
            #[doc = concat!("The ", $queue, " was full, and still was when the time was over, or an observer refused the wait.")]
            Full(T),
            #[doc = concat!("The ", $queue, " takes no more items: ", $over_text, ".")]
            $over(T),
        }

        impl<T> $put<T> {
            /// Returns the item.
            pub fn into_inner(self) -> T {
                match self {
                    $put::Full(item) | $put::$over(item) => item,
                }
            }

            /// Returns whether there was no room in time. A later attempt may succeed.
            pub fn is_timed_out(&self) -> bool {
                matches!(self, $put::Full(_))
            }

            #[doc = concat!("Whether it will never succeed: ", $over_text, ".")]
            pub fn $is_over(&self) -> bool {
                matches!(self, $put::$over(_))
            }

            pub(crate) fn of(error: HostPutError<T>) -> Self {
                match error {
                    HostPutError::Full(item) | HostPutError::Interrupted(item) => $put::Full(item),
                    HostPutError::ShutDown(item) | HostPutError::Retired(item) => $put::$over(item),
                }
            }
        }

        /// Shows the error without the item, which need not be printable.
        impl<T> fmt::Debug for $put<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $put::Full(_) => "Full(..)",
                    $put::$over(_) => concat!(stringify!($over), "(..)"),
                })
            }
        }

        impl<T> fmt::Display for $put<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $put::Full(_) => concat!("the ", $queue, " is full"),
                    $put::$over(_) => $over_text,
                })
            }
        }

        impl<T> Error for $put<T> {}

        /// There was no item.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $get {
            #[doc = concat!("The ", $queue, " was empty, and still was when the time was over, or an observer refused the wait.")]
            Empty,
            #[doc = concat!("There will be no item: the ", $queue, " is empty, and ", $over_text, ".")]
            $over,
        }

        impl $get {
            /// Returns whether no item came in time. A later attempt may succeed.
            pub fn is_timed_out(&self) -> bool {
                *self == $get::Empty
            }

            #[doc = concat!("Whether there will never be one: ", $over_text, ".")]
            pub fn $is_over(&self) -> bool {
                *self == $get::$over
            }

            pub(crate) fn of(error: HostGetError) -> Self {
                match error {
                    HostGetError::Empty | HostGetError::Interrupted => $get::Empty,
                    HostGetError::ShutDown | HostGetError::Retired => $get::$over,
                }
            }
        }

        impl fmt::Display for $get {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $get::Empty => concat!("the ", $queue, " is empty"),
                    $get::$over => $over_text,
                })
            }
        }

        impl Error for $get {}
    };
}

refusals!(
    PutError,
    GetError,
    ShutDown,
    "the queue is shut down",
    is_shut_down,
    "queue",
    "put"
);
refusals!(
    SendError,
    RecvError,
    Disconnected,
    "the other side of the channel is gone",
    is_disconnected,
    "channel",
    "sent"
);
