with

source as (

    select
        deployment_id,
        merge_request_id

    from {{ source('gitlab', 'deployment_merge_requests') }}

),

renamed as (

    select
        deployment_id || ':' || merge_request_id as deployment_merge_request_id,
        'gitlab:deployment:' || deployment_id as deployment_key,
        'gitlab:mr:' || merge_request_id as work_item_key

    from source

)

select * from renamed
