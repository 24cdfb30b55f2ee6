"""XNAT as a storage: ``xnat://`` URLs, over the logins of the xnat room."""
