//! The standard library's counterpart of a class of ours.

use interlock_wait::primitive::global::{AtomicU32, Ordering};
use pyo3::PyTraverseError;
use pyo3::exceptions::PyAttributeError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrozenSet, PyFunction, PyString, PyType};

use crate::once::Once;
use crate::raw;
use crate::raw::intern;

/// The standard library's functions for a class of ours, and the attributes of the class that must not change while its
/// objects are native. The class holds it as `_interlock_standard`.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct Standard {
    /// The standard library's class.
    like: Py<PyType>,
    /// Finds its functions, and puts them into `functions`.
    look: Py<PyAny>,
    /// Functions by name.
    functions: Py<PyDict>,
    /// The version tag of `like` when the functions were found.
    found_at: AtomicU32,
    /// Creates the attributes of an object that is materialized. Called with the object and whether threads wait for
    /// it.
    attributes: Py<PyAny>,
    /// Names that the standard library's functions look up in an object.
    used: Py<PyFrozenSet>,
    sealed: Once<Sealed>,
}

/// A class and the attributes that must not change. The garbage collector does not see these references: the class
/// lives as long as the module that defines it.
struct Sealed {
    class: Py<PyType>,
    /// The private attributes of the class when it was created.
    private: Vec<Had>,
    /// Its public methods that other methods rely on to be unchanged, in the class itself but not in derived classes.
    called: Vec<Had>,
    /// The methods of the standard library's class that the class replaces.
    methods: Vec<Had>,
    /// Those that are Python functions, and the getters of properties, each with its code.
    #[cfg_attr(
        Py_GIL_DISABLED,
        expect(dead_code, reason = "only short ways use it, and this build has none")
    )]
    codes: Vec<Original>,
    /// The version tag of the class when it was last found untouched. A change of any base changes it too.
    tag: AtomicU32,
}

/// A function, and the code with which it was compiled.
pub(crate) type Original = (Py<PyAny>, Py<PyAny>);

/// A name, and the attribute that a class had under it.
type Had = (Py<PyString>, Option<Py<PyAny>>);

fn still_has(class: &Bound<'_, PyType>, all: &[Had]) -> bool {
    all.iter().all(|(name, had)| {
        let has = raw::lookup(class, name.bind(class.py()));
        has.as_ref().map(Bound::as_ptr) == had.as_ref().map(Py::as_ptr)
    })
}

#[pymethods]
impl Standard {
    /// `look` is called now, and again after `like` has changed. `used` has the names that its functions look up in an
    /// object. `attributes` creates an object's attributes.
    #[new]
    fn new(
        like: Py<PyType>,
        look: Bound<'_, PyAny>,
        functions: Py<PyDict>,
        used: Py<PyFrozenSet>,
        attributes: Py<PyAny>,
    ) -> PyResult<Self> {
        look.call0()?;
        Ok(Standard {
            like,
            look: look.unbind(),
            functions,
            found_at: AtomicU32::new(0),
            attributes,
            used,
            sealed: Once::new(),
        })
    }

    /// Remember the attributes of `class` named in `private`, and those of the standard class named in `methods`. Once
    /// one of these differs, in the class or a derived one, the objects are materialized. Each name in `methods` comes
    /// with whether the method is the standard library's own; if one is not, objects are materialized from the start.
    /// The names in `called` count for the class itself only, because its methods allow for overrides in a derived
    /// class.
    fn seal(
        &self,
        class: &Bound<'_, PyType>,
        private: Vec<Bound<'_, PyString>>,
        called: Vec<Bound<'_, PyString>>,
        methods: Vec<(Bound<'_, PyString>, bool)>,
    ) -> PyResult<()> {
        let py = class.py();
        let had = |class: &Bound<'_, PyType>, name: Bound<'_, PyString>| {
            let found = raw::lookup(class, &name).map(Bound::unbind);
            (name.unbind(), found)
        };
        let like = self.like.bind(py);
        let methods = methods.into_iter().map(|(name, is_original)| {
            let (name, found) = had(like, name);
            (name, found.filter(|_| is_original))
        });
        let methods: Vec<Had> = methods.collect();
        let mut codes = Vec::new();
        for found in methods.iter().filter_map(|(_, found)| found.as_ref()) {
            let found = found.bind(py);
            let getter = found.getattr_opt(intern!(py, "fget"))?;
            let function = getter.as_ref().unwrap_or(found);
            if function.is_instance_of::<PyFunction>() {
                let code = function.getattr(intern!(py, "__code__"))?;
                codes.push((function.clone().unbind(), code.unbind()));
            }
        }
        let sealed = Sealed {
            codes,
            methods,
            private: private.into_iter().map(|name| had(class, name)).collect(),
            called: called.into_iter().map(|name| had(class, name)).collect(),
            class: class.clone().unbind(),
            tag: AtomicU32::new(0),
        };
        self.sealed.keep(py, sealed);
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.like)?;
        visit.call(&self.look)?;
        visit.call(&self.functions)?;
        visit.call(&self.attributes)?;
        visit.call(&self.used)
    }
}

impl Standard {
    /// Returns the counterpart of a class, or of the nearest class of ours that it is derived from.
    pub(crate) fn of<'py>(class: &Bound<'py, PyType>) -> PyResult<Option<Bound<'py, Standard>>> {
        let name = intern!(class.py(), "_interlock_standard");
        Ok(raw::lookup(class, name).and_then(|found| found.cast_into::<Standard>().ok()))
    }

    /// Returns the version tag of a class whose objects can be native, 0 if it has none. `None` if the class
    /// was changed, or overrides internals.
    #[inline]
    pub(crate) fn untouched(class: &Bound<'_, PyType>) -> PyResult<Option<u32>> {
        let py = class.py();
        // Read before the checks, so that a change during them is noticed.
        let tag = raw::version_tag(class.as_type_ptr());
        let Some(standard) = Self::of(class)? else {
            return Ok(Some(tag)); // no program can see this class
        };
        let Some(sealed) = standard.get().sealed.get(py) else {
            return Ok(Some(tag)); // the class is still being created
        };
        let ours = class.is(&sealed.class);
        // Relaxed: a tag is given to one state of one class, for ever.
        if ours && tag != 0 && tag == sealed.tag.load(Ordering::Relaxed) {
            return Ok(Some(tag));
        }
        let like = standard.get().like.bind(py);
        let untouched = still_has(class, &sealed.private)
            && (!ours || still_has(class, &sealed.called))
            && still_has(like, &sealed.methods);
        if untouched && ours {
            // Relaxed: as above.
            sealed.tag.store(tag, Ordering::Relaxed);
        }
        Ok(untouched.then_some(tag))
    }

    /// Returns whether the standard library's functions look up this name in an object of the class.
    pub(crate) fn uses(class: &Bound<'_, PyType>, name: &Bound<'_, PyString>) -> PyResult<bool> {
        match Self::of(class)? {
            Some(standard) => standard.get().used.bind(class.py()).contains(name),
            None => Ok(false),
        }
    }

    /// Returns whether a class is one of ours, and not derived from one.
    pub(crate) fn is_ours(class: &Bound<'_, PyType>) -> PyResult<bool> {
        let standard = Self::of(class)?;
        let sealed = standard
            .as_ref()
            .and_then(|standard| standard.get().sealed.get(class.py()));
        Ok(sealed.is_none_or(|sealed| class.is(&sealed.class)))
    }

    /// Returns the attributes that the standard library would give an object.
    pub(crate) fn attributes<'py>(
        &self,
        object: &Bound<'py, PyAny>,
        somebody_waits: bool,
    ) -> PyResult<Bound<'py, PyDict>> {
        let made = self
            .attributes
            .bind(object.py())
            .call1((object, somebody_waits))?;
        Ok(made.cast_into()?)
    }

    /// Returns the function of this name.
    pub(crate) fn function<'py>(&self, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        let py = name.py();
        let like = self.like.bind(py);
        // Relaxed: a tag is given to one state of one class, for ever.
        if raw::version_tag(like.as_type_ptr()) != self.found_at.load(Ordering::Relaxed) {
            self.look_again(like, name)?;
        }
        let found = self.functions.bind(py).get_item(name)?;
        found.ok_or_else(|| PyAttributeError::new_err(name.clone().unbind()))
    }

    /// Returns a function of the standard library with the code that it had when our class was made. `None`
    /// if it is another one.
    #[cfg(not(Py_GIL_DISABLED))]
    pub(crate) fn original(&self, function: &Bound<'_, PyAny>) -> Option<Original> {
        let py = function.py();
        let codes = &self.sealed.get(py)?.codes;
        let (function, code) = codes.iter().find(|(known, _)| known.is(function))?;
        Some((function.clone_ref(py), code.clone_ref(py)))
    }

    /// Returns the same for a method that the standard library's functions call on an object of this class:
    /// one of its own, or ours in its place, which calls it.
    #[cfg(not(Py_GIL_DISABLED))]
    pub(crate) fn original_hook(
        &self,
        class: &Bound<'_, PyType>,
        name: &Bound<'_, PyString>,
    ) -> Option<Original> {
        let (py, found) = (name.py(), raw::lookup(class, name)?);
        let called = &self.sealed.get(py)?.called;
        if called
            .iter()
            .any(|(_, had)| had.as_ref().is_some_and(|had| had.is(&found)))
        {
            return self.original(&self.function(name).ok()?);
        }
        self.original(&found)
    }

    #[cold]
    fn look_again(&self, like: &Bound<'_, PyType>, name: &Bound<'_, PyString>) -> PyResult<()> {
        raw::lookup(like, name); // the lookup gives the class a tag
        let tag = raw::version_tag(like.as_type_ptr());
        self.look.call0(like.py())?;
        // Relaxed: as in `function`.
        self.found_at.store(tag, Ordering::Relaxed);
        Ok(())
    }
}
