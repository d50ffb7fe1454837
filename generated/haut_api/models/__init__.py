"""Contains all the data models used in inputs/outputs"""

from .aux_image import AuxImage
from .biological_sex import BiologicalSex
from .company_reference import CompanyReference
from .compute_request import ComputeRequest
from .compute_result import ComputeResult
from .dataset_reference import DatasetReference
from .deleted_subjects import DeletedSubjects
from .dictionary_item import DictionaryItem
from .error_item import ErrorItem
from .error_item_extra import ErrorItemExtra
from .error_response import ErrorResponse
from .image import Image
from .operation_status import OperationStatus
from .paginated_image_list import PaginatedImageList
from .paginated_subject_list import PaginatedSubjectList
from .patched_subject_request import PatchedSubjectRequest
from .signed_upload import SignedUpload
from .signed_upload_request import SignedUploadRequest
from .signed_upload_urls import SignedUploadUrls
from .subject import Subject
from .subject_request import SubjectRequest
from .upload_url import UploadUrl
from .upload_url_headers import UploadUrlHeaders

__all__ = (
    "AuxImage",
    "BiologicalSex",
    "CompanyReference",
    "ComputeRequest",
    "ComputeResult",
    "DatasetReference",
    "DeletedSubjects",
    "DictionaryItem",
    "ErrorItem",
    "ErrorItemExtra",
    "ErrorResponse",
    "Image",
    "OperationStatus",
    "PaginatedImageList",
    "PaginatedSubjectList",
    "PatchedSubjectRequest",
    "SignedUpload",
    "SignedUploadRequest",
    "SignedUploadUrls",
    "Subject",
    "SubjectRequest",
    "UploadUrl",
    "UploadUrlHeaders",
)
