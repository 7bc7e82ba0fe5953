"""Installs dm_deepmimic; setup.cfg says what and how."""

import setuptools

setuptools.setup()
