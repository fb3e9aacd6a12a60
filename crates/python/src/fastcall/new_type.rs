//! Types made in C, whose objects only this crate makes.

#![expect(unsafe_code, reason = "these types are made in C")]

use std::ffi::{CStr, c_int, c_ulong, c_void};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;

/// What a new type is like.
pub(super) struct NewType {
    pub(super) name: &'static CStr,
    /// The size of an object.
    pub(super) size: usize,
    /// Where an object has its function for vectorcalls, if it can be called.
    pub(super) vectorcall: Option<usize>,
    pub(super) flags: c_ulong,
}

impl NewType {
    /// Creates the type, with functions that have the signatures of their slots.
    pub(super) fn create(self, py: Python<'_>, mut slots: Vec<ffi::PyType_Slot>) -> PyResult<Py<PyType>> {
        let mut flags = self.flags | ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION;
        let mut members = [ffi::PyMemberDef::default(), ffi::PyMemberDef::default()];
        if let Some(offset) = self.vectorcall {
            flags |= ffi::Py_TPFLAGS_HAVE_VECTORCALL;
            members[0] = ffi::PyMemberDef {
                name: c"__vectorcalloffset__".as_ptr(),
                type_code: ffi::Py_T_PYSSIZET,
                offset: offset.cast_signed(),
                flags: ffi::Py_READONLY,
                ..ffi::PyMemberDef::default()
            };
            slots.push(slot(ffi::Py_tp_members, members.as_mut_ptr().cast()));
        }
        slots.push(ffi::PyType_Slot::default());
        let mut spec = ffi::PyType_Spec {
            name: self.name.as_ptr(),
            basicsize: c_int::try_from(self.size)?,
            itemsize: 0,
            flags: u32::try_from(flags)?,
            slots: slots.as_mut_ptr(),
        };
        // SAFETY: the name is static, members and slots end with a zero, and the caller answers for the functions.
        let class = unsafe { ffi::PyType_FromSpec(&raw mut spec) };
        // SAFETY: the call returned a new reference, or null with an exception set.
        let class = unsafe { Bound::from_owned_ptr_or_err(py, class) }?;
        Ok(class.cast_into::<PyType>()?.unbind())
    }
}

pub(super) fn slot(slot: c_int, pfunc: *mut c_void) -> ffi::PyType_Slot {
    ffi::PyType_Slot { slot, pfunc }
}
