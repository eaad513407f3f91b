with

source as (

    select
        id,
        {{ parse_json('payload', {'change_numbers': ['VARCHAR']}) }} as payload

    from {{ source('github', 'deployments') }}

),

renamed as (

    select
        source.id || ':' || number_no as deployment_change_number_id,
        'github:deployment:' || source.id as deployment_key,
        change_number

    from source

    {{ each('source.payload.change_numbers', 'change_number', 'number_no') }}

)

select * from renamed
