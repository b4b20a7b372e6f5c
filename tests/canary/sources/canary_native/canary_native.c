#include <Python.h>

/* The path of the source and the date of compiling: what compilers may write into their output. */
static PyObject *where(PyObject *self, PyObject *arguments) {
    return PyUnicode_FromString(__FILE__ " " __DATE__ " " __TIME__);
}

static PyMethodDef methods[] = {{"where", where, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "canary_native", NULL, -1, methods};

PyMODINIT_FUNC PyInit_canary_native(void) { return PyModule_Create(&definition); }
