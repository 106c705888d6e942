"""Annotations of objects: one file a format, all read into `Objects`.

    read_coco          COCO JSON: many images, boxes, polygons, run lengths, crowds
    read_voc           Pascal VOC XML: one image, boxes
    read_geojson       GeoJSON polygons, as QuPath writes them: one image
    read_objects       an instance map: one image, one number an object

Files are other people's: their size is looked at before they are read, XML may declare nothing, and every record that
is wrong is named, all in one pass, before anything is refused. What is outside of the image is cut off, and a note says
so; a polygon that crosses itself is refused, or read by the even-odd rule where that is asked for.
"""

from hypercolumn.data.readers.annotations.coco import read_coco
from hypercolumn.data.readers.annotations.geojson import class_names, read_geojson
from hypercolumn.data.readers.annotations.instance_map import read_objects
from hypercolumn.data.readers.annotations.voc import read_voc

__all__ = ["class_names", "read_coco", "read_geojson", "read_objects", "read_voc"]
